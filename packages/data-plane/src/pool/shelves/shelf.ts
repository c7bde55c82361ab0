import type { Language } from '@caisson/protocol/api';
import type { PoolHealth, SandboxRequest } from '@caisson/protocol/ports';
import type { Sandbox } from '../../runtimes/runtime.ts';
import { newArrivalHistory, RECENT_MS, recordArrival, USUAL_MS } from '../demand/arrival-history.ts';
import type { ArrivalHistory } from '../demand/arrival-history.ts';
import { RecentRequesters } from '../demand/recent-requesters.ts';
import type { Stock } from '../demand/choose-refill.ts';
import type { SandboxCounts } from '../demand/sandbox-counts.ts';
import { retryDelayMs } from '../demand/refill-pace.ts';
import { classKey } from './size-class.ts';
import type { SizeClass } from './size-class.ts';
import { targetLevel } from '../demand/target-level.ts';
import type { LevelBounds } from '../demand/target-level.ts';

/** A sandbox that was made ahead, and the memory that it held then. */
export interface ReadySandbox {
  readonly sandbox: Sandbox;
  readonly heldBytes: number;
}

interface Ready extends ReadySandbox {
  readonly madeAtMs: number;
  hasEnded: boolean;
}

/** The ready sandboxes of one class, oldest first, and the demand for them. */
export class Shelf implements Stock {
  readonly key: string;
  readonly class: SizeClass;
  /** Of the kernel that runs in each. */
  readonly language: Language;
  readonly #bounds: LevelBounds;
  readonly #maxAgeMs: number;
  readonly #requesters: RecentRequesters;
  #sandboxes: Ready[] = [];
  #history: ArrivalHistory;
  #claimed = 0;
  #missed = 0;
  #failures = 0;
  target = 0;
  filling = 0;
  retryAtMs = 0;

  constructor(
    sizeClass: SizeClass,
    plan: { readonly language: Language; readonly bounds: LevelBounds; readonly maxAgeMs: number },
    counts: SandboxCounts,
    nowMs: number,
  ) {
    this.key = classKey(sizeClass);
    this.class = sizeClass;
    this.language = plan.language;
    this.#bounds = plan.bounds;
    this.#maxAgeMs = plan.maxAgeMs;
    this.#requesters = new RecentRequesters(counts);
    this.#history = newArrivalHistory(nowMs);
    this.plan(nowMs);
  }

  get ready(): number {
    return this.#sandboxes.length;
  }

  get heldBytes(): number {
    return this.#sandboxes.reduce((sum, { heldBytes }) => sum + heldBytes, 0);
  }

  /** Whether nothing is lost when it is dropped and made again at the next request. */
  get isIdle(): boolean {
    return this.target === 0 && this.ready === 0 && this.filling === 0;
  }

  /** Sets how many there should be. */
  plan(nowMs: number): void {
    const room = {
      recent: this.#requesters.room(nowMs - RECENT_MS),
      usual: this.#requesters.room(nowMs - USUAL_MS),
    };
    this.target = targetLevel(nowMs, this.#history, room, this.#bounds);
  }

  /**
   * Takes the oldest that lives and is not too old, for one request and for good.
   * @param request already counted among its tenant's sandboxes
   * @param unfit gets those that have ended or are too old
   */
  claim(request: SandboxRequest, nowMs: number, unfit: (sandbox: Sandbox) => void): Sandbox | undefined {
    this.#requesters.note(nowMs, request);
    this.#history = recordArrival(nowMs, this.#history);
    this.plan(nowMs);
    for (let next = this.#sandboxes.shift(); next !== undefined; next = this.#sandboxes.shift()) {
      if (this.#isFit(next, nowMs)) {
        this.#claimed += 1;
        return next.sandbox;
      }
      unfit(next.sandbox);
    }
    this.#missed += 1;
    return undefined;
  }

  put({ sandbox, heldBytes }: ReadySandbox, nowMs: number): void {
    this.#failures = 0;
    const ready: Ready = { sandbox, heldBytes, madeAtMs: nowMs, hasEnded: false };
    sandbox.ended.then(
      () => (ready.hasEnded = true),
      () => undefined,
    );
    this.#sandboxes.push(ready);
  }

  /** Records a failed refill. Returns whether it is the first in a row. */
  failed(nowMs: number): boolean {
    this.#failures += 1;
    this.retryAtMs = nowMs + retryDelayMs(this.#failures);
    return this.#failures === 1;
  }

  /** Takes out those that have ended or are too old, and one of those beyond the target. */
  sortOut(nowMs: number): Sandbox[] {
    const fit = this.#sandboxes.filter((ready) => this.#isFit(ready, nowMs));
    const unfit = this.#sandboxes.filter((ready) => !fit.includes(ready));
    // One at a time: the target may rise again soon after a lull.
    if (fit.length > this.target) unfit.push(...fit.splice(0, 1));
    this.#sandboxes = fit;
    return unfit.map(({ sandbox }) => sandbox);
  }

  /** Takes out the oldest, to be ended; `undefined` where there is none. */
  giveUp(): Sandbox | undefined {
    return this.#sandboxes.shift()?.sandbox;
  }

  empty(): Sandbox[] {
    return this.#sandboxes.splice(0).map(({ sandbox }) => sandbox);
  }

  health(): PoolHealth {
    const { ready, target } = this;
    return { ...this.class, ready, target, claimed: this.#claimed, missed: this.#missed };
  }

  #isFit({ hasEnded, madeAtMs }: Ready, nowMs: number): boolean {
    return nowMs - madeAtMs < this.#maxAgeMs && !hasEnded;
  }
}
