import { setTimeout as delay } from 'node:timers/promises';
import { CaissonError, isCaissonError, isFinished } from '@caisson/protocol/api';
import type { ExecutionId, TenantId } from '@caisson/protocol/api';
import { NOT_RUN, stoppedOutcome } from '@caisson/protocol/ports';
import type { DataPlane, EndRequest } from '@caisson/protocol/ports';
import type { ExecutionRecord } from '../model/execution-record.ts';
import type { ExecutionRepository, StoredExecution } from '../store/executions.ts';
import type { EndRecorder } from './end-recorder.ts';
import type { FinishedEvent } from './execution-events.ts';
import { finishedEventOf } from './stored-follower.ts';

/** Polling interval for a row that another replica will change. */
const POLL_MS = 100;

export interface OtherReplicasDependencies {
  readonly dataPlane: Pick<DataPlane, 'outcome' | 'cancel'>;
  readonly recorder: EndRecorder;
  readonly store: Pick<ExecutionRepository, 'read'>;
  /** Aborted when this replica stops. */
  readonly closing: AbortSignal;
}

/** Executions that other replicas handle, living or gone: this replica sees their rows and what their node says. */
export class OtherReplicas {
  readonly #dependencies: OtherReplicasDependencies;

  constructor(dependencies: OtherReplicasDependencies) {
    this.#dependencies = dependencies;
  }

  /** Waits until another replica has started it, or it has ended. @throws CaissonError `execution_not_found` */
  async started(tenantId: TenantId, id: ExecutionId, signal: AbortSignal): Promise<ExecutionRecord> {
    for (;;) {
      const { record } = await this.#read(tenantId, id);
      if (record.state.status !== 'queued') return record;
      await delay(POLL_MS, undefined, { signal, ref: false });
    }
  }

  /**
   * Waits until its outcome is recorded; unless `mayRecord` is false, records it here if nobody else does.
   * @throws CaissonError `execution_not_found`
   */
  async finished(
    tenantId: TenantId,
    id: ExecutionId,
    signal: AbortSignal,
    mayRecord = true,
  ): Promise<FinishedEvent> {
    const { dataPlane, recorder } = this.#dependencies;
    for (;;) {
      const stored = await this.#read(tenantId, id);
      const { status } = stored.record.state;
      if (isFinished(status)) return finishedEventOf(stored);
      if (status === 'running' && mayRecord) {
        try {
          const outcome = await dataPlane.outcome(id, signal);
          await recorder.recordFromNode(stored.record, outcome, signal);
          continue;
        } catch (error) {
          // Another replica has just recorded its outcome, or is about to start it.
          if (!isCaissonError(error, 'execution_not_found')) throw error;
        }
      }
      await delay(POLL_MS, undefined, { signal, ref: false });
    }
  }

  /** Cancels it and waits at most `waitMs` until that is recorded. @throws CaissonError `execution_not_found` */
  async cancel(tenantId: TenantId, id: ExecutionId, end: EndRequest, waitMs: number): Promise<void> {
    const { dataPlane, closing } = this.#dependencies;
    const { record } = await this.#read(tenantId, id);
    if (isFinished(record.state.status)) return;
    if (record.state.status === 'queued' && (await this.endQueued(record, end))) return;
    await dataPlane.cancel(id, end, closing);
    const limit = AbortSignal.any([closing, AbortSignal.timeout(waitMs)]);
    await this.finished(tenantId, id, limit).catch((error: unknown) => {
      if (!limit.aborted) throw error;
    });
  }

  /** Ends an execution in the queue of another replica, unless that replica starts it first. */
  async endQueued(record: ExecutionRecord, { reason, by }: EndRequest): Promise<boolean> {
    const outcome = stoppedOutcome(reason, NOT_RUN);
    const stopped = { outcome, placement: null, endedBy: by, endedMsAgo: 0 };
    const { recorder } = this.#dependencies;
    return (await recorder.record(record, stopped, [], undefined, 'queued')) !== undefined;
  }

  async #read(tenantId: TenantId, id: ExecutionId): Promise<StoredExecution> {
    const stored = await this.#dependencies.store.read(tenantId, id);
    if (stored === undefined) throw new CaissonError('execution_not_found', { id });
    return stored;
  }
}
