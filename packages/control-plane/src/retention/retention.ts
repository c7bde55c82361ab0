import { setImmediate as nextTurn } from 'node:timers/promises';
import type { ExecutionId, SessionId, TenantId } from '@caisson/protocol/api';
import type { Clock } from '../time/clock.ts';
import type { ControlPlaneConfig } from '../config.ts';
import type { OutputLedger } from '../store/output/output-ledger.ts';
import type { AgedRow, OutputSize, RetentionStore } from '../store/retention.ts';
import type { TrailRetention } from './trail-retention.ts';

/** Output removed in one transaction: as much as a large execution has, some milliseconds of work. */
const BYTES_AT_ONCE = 4 * 2 ** 20;
const ROWS_AT_ONCE = 100;

/** Part of the limit that is free after a removal. */
const HEADROOM = 0.1;

export interface RetentionDependencies {
  readonly config: Pick<
    ControlPlaneConfig,
    'retentionMs' | 'maxOutputBytesPerTenant' | 'idempotencyKeyAgeMs'
  >;
  readonly store: RetentionStore;
  readonly ledger: OutputLedger;
  readonly trail: TrailRetention;
  readonly clock: Clock;
}

/**
 * Removes expired records, in small steps that yield to the event loop: executions, sessions and idempotency keys by age, output
 * also when a tenant exceeds its limit, and audit events by their own age limit.
 */
export class Retention {
  readonly #dependencies: RetentionDependencies;

  constructor(dependencies: RetentionDependencies) {
    this.#dependencies = dependencies;
  }

  /** Runs until nothing is left to remove, or `signal` aborts. Rejects if a step fails; the next call continues. */
  async sweep(signal: AbortSignal): Promise<void> {
    const { clock, config, store, trail } = this.#dependencies;
    const now = clock.nowMs();
    const cutoff = now - config.retentionMs;
    await forEachAged(
      (after?: ExecutionId) => store.executions(after),
      cutoff,
      signal,
      async (ids) => {
        for (const id of ids) if (!signal.aborted) await store.removeExecution(id);
      },
    );
    await forEachAged(
      (after?: SessionId) => store.sessions(after),
      cutoff,
      signal,
      (ids) => store.removeSessions(ids),
    );
    while (!signal.aborted && (await store.removeIdempotencyKeys(now - config.idempotencyKeyAgeMs))) {
      await nextTurn();
    }
    for await (const tenantId of this.#tenants(signal)) {
      await this.#boundOutput(tenantId, signal);
      await trail.trim(tenantId, signal);
      await nextTurn();
    }
  }

  async *#tenants(signal: AbortSignal): AsyncGenerator<TenantId> {
    let last: TenantId | undefined;
    do {
      const ids = await this.#dependencies.store.tenants(last);
      yield* ids;
      last = ids.at(-1);
    } while (last !== undefined && !signal.aborted);
  }

  /** Removes the oldest output of a tenant that exceeds its limit. */
  async #boundOutput(tenantId: TenantId, signal: AbortSignal): Promise<void> {
    const { config, ledger, store } = this.#dependencies;
    if (ledger.bytesOf(tenantId) <= config.maxOutputBytesPerTenant) return;
    const endCount = ledger.beginCount(tenantId);
    let sumBytes = 0;
    let last: OutputSize | undefined;
    do {
      const sum = await store.sumOfOutputs(tenantId, last?.id);
      if (sum !== undefined && sumBytes + sum.bytes > config.maxOutputBytesPerTenant) {
        endCount(await this.#removeExcess(tenantId, sumBytes, last?.id, signal));
        return;
      }
      sumBytes += sum?.bytes ?? 0;
      last = sum;
      await nextTurn();
    } while (last !== undefined && !signal.aborted);
    endCount(sumBytes);
  }

  /** Removes a little more than necessary, so that the next count is not due at once. Returns the remaining bytes. */
  async #removeExcess(
    tenantId: TenantId,
    keptBytes: number,
    after: ExecutionId | undefined,
    signal: AbortSignal,
  ): Promise<number> {
    const { config, store } = this.#dependencies;
    const targetBytes = config.maxOutputBytesPerTenant * (1 - HEADROOM);
    let sumBytes = keptBytes;
    let isFull = false;
    let before = after;
    while (!signal.aborted) {
      const sizes = await store.outputs(tenantId, before);
      if (sizes.length === 0) break;
      const excess = sizes.filter(({ bytes }) => {
        isFull ||= sumBytes + bytes > targetBytes;
        if (!isFull) sumBytes += bytes;
        return isFull;
      });
      await this.#removeOutputs(excess, signal);
      before = sizes.at(-1)?.id;
      await nextTurn();
    }
    return sumBytes;
  }

  async #removeOutputs(outputs: readonly OutputSize[], signal: AbortSignal): Promise<void> {
    for (const ids of stepsOf(outputs)) {
      if (signal.aborted) return;
      await this.#dependencies.store.removeOutputs(ids);
    }
  }
}

/** Passes rows that ended before `cutoff` to `remove`; rows are read oldest first, so it stops at the first newer one. */
async function forEachAged<Id>(
  read: (after: Id | undefined) => Promise<AgedRow<Id>[]>,
  cutoff: number,
  signal: AbortSignal,
  remove: (ids: Id[]) => Promise<void>,
): Promise<void> {
  let last: AgedRow<Id> | undefined;
  do {
    const rows = await read(last?.id);
    const aged = rows.filter(({ endedAt }) => endedAt !== null && endedAt <= cutoff);
    if (aged.length > 0) await remove(aged.map(({ id }) => id));
    last = rows.at(-1);
    await nextTurn();
  } while (last !== undefined && last.createdAt <= cutoff && !signal.aborted);
}

function* stepsOf(sizes: readonly OutputSize[]): Generator<ExecutionId[]> {
  let ids: ExecutionId[] = [];
  let sum = 0;
  for (const { id, bytes } of sizes) {
    ids.push(id);
    sum += bytes;
    if (sum < BYTES_AT_ONCE && ids.length < ROWS_AT_ONCE) continue;
    yield ids;
    ids = [];
    sum = 0;
  }
  if (ids.length > 0) yield ids;
}
