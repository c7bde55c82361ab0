import { setImmediate as nextTurn } from 'node:timers/promises';
import type { TenantId } from '@caisson/protocol/api';
import type { ChainEnd } from '../audit/audit-record.ts';
import type { Clock } from '../time/clock.ts';
import type { TrailRetentionStore } from '../store/audit-retention.ts';

/** How long trimming may be delayed beyond the age limit: each trim adds an event to the trail. */
const LONGEST_SLACK_MS = 24 * 3600 * 1000;

/** Removes the oldest events of audit trails, and leaves a checkpoint from which the rest can still be verified. */
export class TrailRetention {
  readonly #store: TrailRetentionStore;
  readonly #clock: Clock;
  readonly #maxAgeMs: number;

  constructor(store: TrailRetentionStore, clock: Clock, maxAgeMs: number) {
    this.#store = store;
    this.#clock = clock;
    this.#maxAgeMs = maxAgeMs;
  }

  /** Runs until all expired events are removed, or `signal` aborts. */
  async trim(tenantId: TenantId, signal: AbortSignal): Promise<void> {
    const now = this.#clock.nowMs();
    const checkpoint = await this.#store.checkpoint(tenantId);
    // The remainder of an interrupted earlier call.
    if (checkpoint !== undefined) await this.#remove(tenantId, checkpoint.sequence, signal);
    const last = await this.#lastAged(tenantId, checkpoint?.sequence ?? 0, now - this.#maxAgeMs, signal);
    if (last === undefined || signal.aborted) return;
    await this.#store.setCheckpoint(tenantId, last, now);
    await this.#remove(tenantId, last.sequence, signal);
  }

  /** The last event up to which all are older than `cutoff`; `undefined` if it is too early to trim. */
  async #lastAged(
    tenantId: TenantId,
    begin: number,
    cutoff: number,
    signal: AbortSignal,
  ): Promise<ChainEnd | undefined> {
    let last: ChainEnd = { sequence: begin, hash: '' };
    for (let aged = 1; aged > 0 && !signal.aborted;) {
      const events = await this.#store.events(tenantId, last.sequence);
      const slackMs = last.sequence === begin ? Math.min(LONGEST_SLACK_MS, this.#maxAgeMs / 10) : 0;
      if (slackMs > 0 && (events[0]?.at ?? cutoff) > cutoff - slackMs) return undefined;
      const young = events.findIndex(({ at }) => at > cutoff);
      aged = young < 0 ? events.length : young;
      last = events[aged - 1] ?? last;
      await nextTurn();
    }
    // A single event stays: the event that records its removal would only replace it.
    return last.sequence > begin + 1 ? { sequence: last.sequence, hash: last.hash } : undefined;
  }

  async #remove(tenantId: TenantId, sequence: number, signal: AbortSignal): Promise<void> {
    while (!signal.aborted && (await this.#store.removeEvents(tenantId, sequence))) await nextTurn();
  }
}
