import { CaissonError, Cancellation, isCaissonError } from '@caisson/protocol';
import type { CancelReason } from '@caisson/protocol';
import type { Logger } from 'pino';
import type { Actor } from '../audit/audit-record.ts';
import { whoEnded } from '../audit/who-ended.ts';
import type { Clock } from '../time/clock.ts';
import type { ControlPlaneConfig } from '../config.ts';
import type { Metrics } from '../metrics/metrics.ts';
import type { ExecutionRepository } from '../store/executions.ts';
import type { StorageHealth } from '../store/writing/storage-health.ts';
import type { Dispatcher } from './queue/dispatcher.ts';
import { advance } from '../model/execution-record.ts';
import type { ExecutionRecord } from '../model/execution-record.ts';
import { executionResultOf, executionStatusOf } from '../views/execution-view.ts';
import type { LiveExecution } from './live-execution.ts';
import type { FinishedEvent } from './output-feed.ts';
import { runIn } from './placing.ts';
import type { Ending } from './placing.ts';
import { assertKept, resultPieces } from '../views/stored-result.ts';
import { settledWithin } from '../time/settled-within.ts';

/** A result of up to this length is told to readers of events as a whole. */
const SHORT_RESULT_CHARACTERS = 64 * 1024;
/** The longest that a timer can be set for: as good as no limit. */
const LONGEST_TIMER_MS = 2 ** 31 - 1;

export interface LifeDependencies {
  readonly config: Pick<ControlPlaneConfig, 'placementGraceMs' | 'maxEventReadersPerTenant'>;
  readonly store: ExecutionRepository;
  readonly storage: StorageHealth;
  readonly dispatcher: Dispatcher;
  readonly metrics: Metrics;
  readonly logger: Logger;
  readonly clock: Clock;
}

/** Leads live executions from their start to their end, and writes both down. */
export class ExecutionLife {
  readonly #dependencies: LifeDependencies;
  readonly #onEnd: (execution: LiveExecution) => void;

  /** `onEnd` is called once for each, after its end is in the database, or is given up. */
  constructor(dependencies: LifeDependencies, onEnd: (execution: LiveExecution) => void) {
    this.#dependencies = dependencies;
    this.#onEnd = onEnd;
  }

  /** Its turn has come: it runs from now on, in memory; the row follows. */
  begin(execution: LiveExecution): void {
    const next = advance(execution.record, { type: 'dispatched' }, this.#dependencies.clock.nowMs());
    if (next === undefined) return;
    execution.record = next;
    execution.feed.push({ type: 'status', ...executionStatusOf(next) });
  }

  /** One that had to wait: its row says `queued` so far. Never rejects. */
  async runQueued(execution: LiveExecution): Promise<void> {
    this.begin(execution);
    try {
      await execution.inserted;
    } catch {
      // Whoever submitted it was told, and nothing of it is on record.
      execution.feed.close();
      this.#dependencies.dispatcher.leave(execution.item);
      return;
    }
    try {
      if (!(await this.#recordStart(execution))) {
        this.#taken(execution);
        return;
      }
    } catch (error) {
      this.#log(execution.record).error({ err: error }, 'the start of the execution was not recorded');
    }
    await this.run(execution);
  }

  /** Runs what has begun, to its end. Never rejects: what goes wrong becomes the end, or a line in the log. */
  async run(execution: LiveExecution): Promise<void> {
    const { config, dispatcher } = this.#dependencies;
    const { run, feed, controller } = execution;
    try {
      const ending = await runIn(run.place, run.step, feed.sink, controller, config.placementGraceMs);
      if (ending.cause !== undefined) {
        this.#log(execution.record).warn({ err: ending.cause }, 'the execution had no sandbox');
      }
      await this.#finish(execution, ending);
    } finally {
      dispatcher.leave(execution.item);
    }
  }

  /** Ends one for a reason from outside, `by` whom it was asked, and waits until it is gone, `waitMs` at most. */
  async end(execution: LiveExecution, reason: CancelReason, by: Actor, waitMs: number): Promise<void> {
    execution.endedBy ??= by;
    const ended = settledWithin(execution.finished.promise, waitMs);
    if (this.#dependencies.dispatcher.withdraw(execution.item)) {
      const event = { type: 'cancelled', reason } as const;
      await Promise.race([
        this.#finish(execution, { event, outcome: null, placement: null, cause: undefined }),
        ended,
      ]);
      return;
    }
    execution.controller.abort(new Cancellation(reason));
    await ended;
  }

  /**
   * Where a job runs before its start is on record, a crash would make it run again: it waits for the storage. Tells whether it
   * may start: `false` where another replica has started or ended it.
   */
  async #recordStart({ record, controller }: LiveExecution): Promise<boolean> {
    const { storage, store } = this.#dependencies;
    let begun = true;
    const write = async () => {
      begun = await store.begin(record);
    };
    try {
      await write();
    } catch (error) {
      if (!isCaissonError(error, 'storage_unavailable')) throw error;
      await settledWithin(storage.untilWritten(write), LONGEST_TIMER_MS, controller.signal);
    }
    return begun;
  }

  /** Another replica has it, and tells its end. */
  #taken(execution: LiveExecution): void {
    const { record, feed, finished, item } = execution;
    feed.close();
    this.#onEnd(execution);
    finished.reject(
      new CaissonError('execution_not_finished', { id: record.id, status: record.state.status }),
    );
    this.#dependencies.dispatcher.leave(item);
  }

  async #finish(execution: LiveExecution, { event, outcome, placement }: Ending): Promise<void> {
    const { clock, metrics, store } = this.#dependencies;
    const { feed } = execution;
    const next = advance(execution.record, event, clock.nowMs());
    if (next === undefined) return;
    const told = outcome && feed.resultsTruncated ? { ...outcome, truncated: true } : outcome;
    const record = { ...next, outcome: told, placement };
    feed.settle();
    const by = whoEnded(record.state.reason, record.submittedBy, execution.endedBy);
    try {
      await execution.inserted;
      await this.#recordEnd(execution, async () => {
        if (!(await store.finish(record, feed.output, by))) throw new Error('another end is on record');
      });
    } catch (error) {
      // Nobody is told that it has ended: the next start ends the row as lost.
      this.#log(record).error({ err: error }, 'the end of the execution was not recorded');
      feed.close();
      this.#onEnd(execution);
      execution.finished.reject(error);
      return;
    }
    execution.record = record;
    const finished = this.#finishedEvent(execution);
    feed.push(finished);
    feed.close();
    metrics.finished(record);
    this.#onEnd(execution);
    execution.finished.resolve(finished);
    this.#log(record).info({ ...record.state, code_sha256: record.codeSha256 }, 'the execution has ended');
  }

  /** Each reader would hold a copy of a long result, and of its JSON: they get it from the store, piece by piece. */
  #finishedEvent({ record, feed }: LiveExecution): FinishedEvent {
    const characters = feed.outputCharacters + (record.outcome?.returnValue?.length ?? 0);
    if (characters <= SHORT_RESULT_CHARACTERS) {
      return { type: 'finished', execution: executionResultOf(record, feed.output) };
    }
    const { store } = this.#dependencies;
    return {
      type: 'finished',
      async *pieces() {
        const stored = await store.read(record.tenantId, record.id);
        if (stored === undefined) throw new CaissonError('execution_not_found', { id: record.id });
        assertKept(stored);
        yield* resultPieces(stored);
      },
    };
  }

  /** Until its end is written it keeps its turn, so that no more of them are kept than can run at once. */
  async #recordEnd(execution: LiveExecution, write: () => Promise<void>): Promise<void> {
    try {
      await write();
    } catch (error) {
      if (!isCaissonError(error, 'storage_unavailable')) throw error;
      execution.unwritten = error;
      execution.finished.reject(error);
      await this.#dependencies.storage.untilWritten(write);
    }
  }

  #log(record: ExecutionRecord): Logger {
    return this.#dependencies.logger.child({ execution_id: record.id, session_id: record.sessionId });
  }
}
