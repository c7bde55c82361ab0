import type { ReadHealth } from '@caisson/protocol/ports';
import type { Clock } from '../ports/clock.ts';

/** Share of the event loop for all sandboxes together that are over their burst. */
const TOTAL_SHARE = 0.15;
/** One alone gets half of it: others may need their part at any moment. */
const LEAST_SHARERS = 2;
/** Event-loop time that a sandbox may use at once before its reading is delayed. */
const BURST_MS = 10;
/** Cost of the system call of each read, which is not in the measured time. */
const READ_MS = 0.01;

export interface LoopListeners {
  /** Called with errors that were thrown while a sandbox's output was read. */
  readonly onBroken?: (error: unknown) => void;
  /** Called repeatedly while a sandbox is over its share. */
  readonly onOverdrawn?: () => void;
}

/**
 * Shares the one event loop among sandboxes by the cost of reading their output: one that is over its share is read later, so
 * it has to wait when it writes.
 */
export class LoopShare {
  readonly #clock: Clock;
  readonly #listeners: LoopListeners;
  readonly #overdrawn = new Set<LoopAccount>();
  readonly #counters = { droppedBytes: 0, delayedMs: 0, broken: 0 };

  constructor(clock: Clock, listeners: LoopListeners = {}) {
    this.#clock = clock;
    this.#listeners = listeners;
  }

  get counters(): ReadHealth {
    return this.#counters;
  }

  /** The account for everything that is read from one sandbox. */
  account(): LoopAccount {
    return new LoopAccount(this);
  }

  nowMs(): number {
    return this.#clock.nowMs();
  }

  /** Part of the loop that a sandbox may use beyond its burst. */
  get rate(): number {
    return TOTAL_SHARE / Math.max(LEAST_SHARERS, this.#overdrawn.size);
  }

  countDropped(bytes: number): void {
    this.#counters.droppedBytes += bytes;
  }

  countBroken(error: unknown): void {
    this.#counters.broken += 1;
    this.#listeners.onBroken?.(error);
  }

  /** Marks `account` as over its share until the result is disposed; several of its readers may do so. */
  delay(account: LoopAccount): Disposable {
    const sinceMs = this.nowMs();
    account.delays += 1;
    this.#overdrawn.add(account);
    this.#listeners.onOverdrawn?.();
    return {
      [Symbol.dispose]: () => {
        account.delays -= 1;
        if (account.delays === 0) this.#overdrawn.delete(account);
        this.#counters.delayedMs += this.nowMs() - sinceMs;
      },
    };
  }
}

/** The event-loop time of one sandbox. */
export class LoopAccount {
  readonly share: LoopShare;
  /** How many of its readers wait. */
  delays = 0;
  #balanceMs = BURST_MS;
  #refilledAtMs: number;

  constructor(share: LoopShare) {
    this.share = share;
    this.#refilledAtMs = share.nowMs();
  }

  /** See `LoopShare.delay`. */
  delay(): Disposable {
    return this.share.delay(this);
  }

  /** Charges the time since `startedMs`; returns how many milliseconds to pause reading. */
  spend(startedMs: number): number {
    const now = this.share.nowMs();
    this.#refill(now);
    this.#balanceMs -= now - startedMs + READ_MS;
    return this.#waitMsNow();
  }

  /** How many milliseconds to pause reading. */
  waitMs(): number {
    this.#refill(this.share.nowMs());
    return this.#waitMsNow();
  }

  #waitMsNow(): number {
    return this.#balanceMs > 0 ? 0 : Math.ceil(-this.#balanceMs / this.share.rate) + 1;
  }

  #refill(now: number): void {
    const earned = (now - this.#refilledAtMs) * this.share.rate;
    this.#refilledAtMs = now;
    this.#balanceMs = Math.min(BURST_MS, this.#balanceMs + earned);
  }
}
