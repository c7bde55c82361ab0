import { isCaissonError } from '@caisson/protocol/api';
import { NOT_RUN } from '@caisson/protocol/ports';
import type { CaissonError } from '@caisson/protocol/api';
import type { DataPlane, ExecutionOutcome, OutputEvent, UnplacedStep } from '@caisson/protocol/ports';
import type { Logger } from 'pino';
import type { Actor } from '../audit/audit-record.ts';
import { whoEnded } from '../audit/who-ended.ts';
import type { Metrics } from '../metrics/metrics.ts';
import { advance } from '../model/execution-record.ts';
import type { ExecutionRecord } from '../model/execution-record.ts';
import type { ExecutionRepository } from '../store/executions.ts';
import type { StorageHealth } from '../store/writing/storage-health.ts';
import type { Clock } from '../time/clock.ts';

/** The outcome of an execution that its node no longer knows. */
export const LOST: ExecutionOutcome = {
  outcome: {
    ...NOT_RUN,
    status: 'failed',
    reason: 'sandbox_lost',
    error: { name: 'sandbox_lost', message: 'the node that ran it was lost', traceback: [] },
  } satisfies UnplacedStep,
  placement: null,
  endedBy: null,
  endedMsAgo: 0,
};

export interface EndRecorderDependencies {
  readonly dataPlane: Pick<DataPlane, 'outcome' | 'output' | 'acknowledge'>;
  readonly store: Pick<ExecutionRepository, 'finish'>;
  readonly storage: StorageHealth;
  readonly metrics: Metrics;
  readonly clock: Clock;
  readonly logger: Logger;
}

/** An outcome that this call recorded. */
export interface RecordedEnd {
  readonly record: ExecutionRecord;
  readonly output: readonly OutputEvent[];
}

/** Records the outcomes of executions, each exactly once, however many replicas try. */
export class EndRecorder {
  readonly #dependencies: EndRecorderDependencies;

  constructor(dependencies: EndRecorderDependencies) {
    this.#dependencies = dependencies;
  }

  /**
   * Records the outcome of an execution that has ended on its node, and lets the node forget it.
   * @param onUnwritten called if the outcome cannot be written now; it is written once the storage works again
   * @returns `undefined` if another replica has recorded it
   * @throws CaissonError `execution_not_found` if its node does not know it
   */
  async recordFromNode(
    record: ExecutionRecord,
    ended: ExecutionOutcome,
    signal: AbortSignal,
    onUnwritten?: (error: CaissonError) => void,
  ): Promise<RecordedEnd | undefined> {
    const { dataPlane } = this.#dependencies;
    const { events } = await dataPlane.output(record.id, 0, signal);
    const recorded = await this.record(record, ended, events, onUnwritten);
    dataPlane.acknowledge(record.id, signal).catch((error: unknown) => {
      this.#log(record).warn({ err: error }, 'execution not acknowledged: its node keeps it for an hour');
    });
    return recorded;
  }

  /** Records an outcome. @returns `undefined` if another replica has recorded one */
  async record(
    record: ExecutionRecord,
    { outcome, placement, endedBy, endedMsAgo }: ExecutionOutcome,
    output: readonly OutputEvent[],
    onUnwritten: (error: CaissonError) => void = () => undefined,
    from?: 'queued',
  ): Promise<RecordedEnd | undefined> {
    const { clock, metrics, storage, store } = this.#dependencies;
    const next = advance(record, outcome, Math.round(clock.nowMs() - endedMsAgo));
    if (next === undefined) return undefined;
    const final = { ...next, placement };
    const by = whoEnded(final.state.reason, final.submittedBy, (endedBy ?? undefined) as Actor | undefined);
    const write = () => store.finish(final, output, by, from);
    let written: boolean;
    try {
      written = await write();
    } catch (error) {
      if (!isCaissonError(error, 'storage_unavailable')) throw error;
      onUnwritten(error);
      written = await storage.untilWritten(write);
    }
    if (!written) return undefined;
    metrics.finished(final);
    this.#log(final).info({ ...final.state, code_sha256: final.codeSha256 }, 'execution finished');
    return { record: final, output };
  }

  #log(record: ExecutionRecord): Logger {
    return this.#dependencies.logger.child({ execution_id: record.id, session_id: record.sessionId });
  }
}
