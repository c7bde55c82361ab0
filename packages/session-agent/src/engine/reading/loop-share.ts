import type { ReadHealth } from '@caisson/protocol';
import type { Clock } from '../ports/clock.ts';

/** Part of the event loop that all sandboxes over their burst share. */
const TOTAL_SHARE = 0.15;
/** One alone gets half of that: the others' turn may come at any moment. */
const LEAST_SHARERS = 2;
/** Event-loop time that a sandbox may use at once before it is read later. */
const BURST_MS = 10;
/** Of each read, what the system call takes beside what is measured. */
const READ_MS = 0.01;

export interface LoopListeners {
  /** Told what was thrown while something of a sandbox was read. */
  readonly onBroken?: (error: unknown) => void;
  /** A sandbox is over its share; told again and again while one is. */
  readonly onOverdrawn?: () => void;
}

/**
 * Shares the one event loop among sandboxes by what reading them costs: one that is over its share is read later, so that it
 * has to wait when it writes, whatever it writes.
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

  /** For all that is read of one sandbox. */
  account(): LoopAccount {
    return new LoopAccount(this);
  }

  nowMs(): number {
    return this.#clock.nowMs();
  }

  /** What part of the loop a sandbox may use beyond its burst. */
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

  /** `account` is over its share from now until the result is disposed; several of its readers may say so. */
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
  /** Of its readers, how many wait. */
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

  /** Takes off what was read from `startedMs` until now; returns for how many milliseconds to read no more. */
  spend(startedMs: number): number {
    const now = this.share.nowMs();
    this.#refill(now);
    this.#balanceMs -= now - startedMs + READ_MS;
    return this.#waitMsNow();
  }

  /** For how many milliseconds to read no more. */
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
