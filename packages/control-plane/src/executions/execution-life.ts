import { setTimeout as delay } from 'node:timers/promises';
import { CaissonError, isCaissonError, isFinished, RUNNING } from '@caisson/protocol/api';
import { NOT_RUN, returnValueOf, stoppedOutcome, unplacedOutcome } from '@caisson/protocol/ports';
import type { NodeId } from '@caisson/protocol/api';
import type { DataPlane, EndRequest, ExecutionOutcome } from '@caisson/protocol/ports';
import type { Logger } from 'pino';
import { advance } from '../model/execution-record.ts';
import type { ExecutionRecord } from '../model/execution-record.ts';
import type { ExecutionRepository } from '../store/executions.ts';
import type { StorageHealth } from '../store/writing/storage-health.ts';
import type { Clock } from '../time/clock.ts';
import { settledWithin } from '../time/settled-within.ts';
import { executionResultOf } from '../views/execution-view.ts';
import { assertKept, resultPieces } from '../views/stored-result.ts';
import { LOST } from './end-recorder.ts';
import type { EndRecorder, RecordedEnd } from './end-recorder.ts';
import type { FinishedEvent } from './execution-events.ts';
import type { LiveExecution } from './live-execution.ts';
import type { Dispatcher } from './queue/dispatcher.ts';
import { finishedEventOf } from './stored-follower.ts';

/** Results up to this length are sent to event readers whole. */
const SHORT_RESULT_CHARACTERS = 64 * 1024;
/** The longest timer that Node can set, about 25 days: in practice no limit. */
const LONGEST_TIMER_MS = 2 ** 31 - 1;
const RETRY_MS = 1_000;

export interface LifeDependencies {
  readonly dataPlane: DataPlane;
  readonly recorder: EndRecorder;
  readonly store: ExecutionRepository;
  readonly storage: StorageHealth;
  readonly dispatcher: Dispatcher;
  readonly logger: Logger;
  readonly clock: Clock;
  /** Aborted when this replica stops. */
  readonly closing: AbortSignal;
}

/** Runs the executions of this replica from start to end, and records both. */
export class ExecutionLife {
  readonly #dependencies: LifeDependencies;
  readonly #onEnd: (execution: LiveExecution) => void;

  /** `onEnd` is called once for each execution, after its outcome is in the database, or recording it was given up. */
  constructor(dependencies: LifeDependencies, onEnd: (execution: LiveExecution) => void) {
    this.#dependencies = dependencies;
    this.#onEnd = onEnd;
  }

  /** Marks it as running from now. */
  begin(execution: LiveExecution, nodeId: NodeId): void {
    const next = advance(execution.record, RUNNING, this.#dependencies.clock.nowMs());
    if (next !== undefined) execution.record = { ...next, nodeId };
  }

  /** Runs an execution that was queued: its row still says `queued`. Never rejects. */
  async runQueued(execution: LiveExecution, nodeId: NodeId): Promise<void> {
    const { dispatcher } = this.#dependencies;
    this.begin(execution, nodeId);
    let started: boolean;
    try {
      await execution.inserted;
      started = await this.#recordStart(execution);
    } catch (error) {
      // If its row was never inserted, its caller got that error and nothing is recorded.
      this.#log(execution.record).debug({ err: error }, 'execution not started');
      this.#giveUp(execution, error);
      dispatcher.leave(execution.item);
      return;
    }
    if (started) await this.run(execution);
    else {
      // Another replica has ended it in the meantime.
      await this.#finishAsRecorded(execution);
      dispatcher.leave(execution.item);
    }
  }

  /** Runs a started execution to its end. Never rejects: a failure becomes its outcome, or a line in the log. */
  async run(execution: LiveExecution): Promise<void> {
    const { dataPlane, dispatcher, closing } = this.#dependencies;
    const { record } = execution;
    try {
      const refused = await this.#start(execution);
      execution.started.resolve(undefined);
      if (refused !== undefined) {
        await this.#finish(execution, refused);
        return;
      }
      if (execution.end !== undefined) await dataPlane.cancel(record.id, execution.end, closing);
      const outcome = await this.#outcomeOf(record);
      if (outcome === undefined) await this.#finish(execution, LOST);
      else await this.#finish(execution, outcome, true);
    } catch (error) {
      // Its node keeps the outcome for the next reconciliation.
      this.#giveUp(execution, error);
    } finally {
      dispatcher.leave(execution.item);
    }
  }

  /** Ends it on request, and waits until its outcome is recorded, at most `waitMs`. */
  async end(execution: LiveExecution, end: EndRequest, waitMs: number): Promise<void> {
    const { dataPlane, dispatcher, closing } = this.#dependencies;
    execution.end ??= end;
    const ended = settledWithin(execution.finished.promise, waitMs);
    if (dispatcher.withdraw(execution.item)) {
      const outcome = stoppedOutcome(end.reason, NOT_RUN);
      const cancelled = { outcome, placement: null, endedBy: end.by, endedMsAgo: 0 };
      execution.started.resolve(undefined);
      await Promise.race([this.#finish(execution, cancelled), ended]);
      return;
    }
    await dataPlane.cancel(execution.record.id, end, closing);
    await ended;
  }

  /** A job waits for the storage here: if it ran before its start is recorded, a crash would make it run twice. */
  async #recordStart({ record, finished }: LiveExecution): Promise<boolean> {
    const { storage, store } = this.#dependencies;
    const write = () => store.begin(record);
    try {
      return await write();
    } catch (error) {
      if (!isCaissonError(error, 'storage_unavailable')) throw error;
      const written = storage.untilWritten(write);
      await settledWithin(Promise.race([written, finished.promise]), LONGEST_TIMER_MS);
      return await written;
    }
  }

  /** @returns its outcome if the node refuses it */
  async #start({ record, run }: LiveExecution): Promise<ExecutionOutcome | undefined> {
    const { dataPlane, closing } = this.#dependencies;
    try {
      await dataPlane.start(run.request, closing);
      return undefined;
    } catch (error) {
      this.#log(record).warn({ err: error }, 'execution refused by its node');
      return { outcome: unplacedOutcome(error), placement: null, endedBy: null, endedMsAgo: 0 };
    }
  }

  /** Its outcome, once it has ended; `undefined` if its node does not know it. @throws the reason of `closing` */
  async #outcomeOf(record: ExecutionRecord): Promise<ExecutionOutcome | undefined> {
    const { dataPlane, closing } = this.#dependencies;
    for (;;) {
      try {
        return await dataPlane.outcome(record.id, closing);
      } catch (error) {
        if (isCaissonError(error, 'execution_not_found')) return undefined;
        closing.throwIfAborted();
        this.#log(record).warn({ err: error }, 'node does not answer');
        await delay(RETRY_MS, undefined, { ref: false });
      }
    }
  }

  /** @param isOnNode whether its node has its output */
  async #finish(execution: LiveExecution, outcome: ExecutionOutcome, isOnNode = false): Promise<void> {
    const { recorder, closing } = this.#dependencies;
    const onUnwritten = (error: CaissonError) => {
      execution.unwritten = error;
      execution.finished.reject(error);
    };
    let recorded: RecordedEnd | undefined;
    try {
      await execution.inserted;
      recorded = isOnNode
        ? await recorder.recordFromNode(execution.record, outcome, closing, onUnwritten)
        : await recorder.record(execution.record, outcome, [], onUnwritten);
    } catch (error) {
      if (isCaissonError(error, 'execution_not_found')) {
        // Another replica has recorded the outcome, and the node has forgotten the execution.
        await this.#finishAsRecorded(execution);
        return;
      }
      // No reader gets a last event: the next reconciliation records the outcome.
      this.#log(execution.record).error({ err: error }, 'outcome of the execution not recorded');
      this.#giveUp(execution, error);
      return;
    }
    if (recorded === undefined) await this.#finishAsRecorded(execution);
    else this.#settle(execution, recorded.record, this.#finishedEvent(recorded));
  }

  /** Finishes with the outcome that another replica has recorded. */
  async #finishAsRecorded(execution: LiveExecution): Promise<void> {
    const { store } = this.#dependencies;
    const { tenantId, id } = execution.record;
    try {
      const stored = await store.read(tenantId, id);
      if (stored === undefined || !isFinished(stored.record.state.status)) {
        throw new CaissonError('execution_not_found', { id });
      }
      this.#settle(execution, stored.record, await finishedEventOf(stored));
    } catch (error) {
      this.#giveUp(execution, error);
    }
  }

  #settle(execution: LiveExecution, record: ExecutionRecord, event: FinishedEvent): void {
    execution.record = record;
    this.#onEnd(execution);
    execution.started.resolve(undefined);
    execution.finished.resolve(event);
  }

  #giveUp(execution: LiveExecution, error: unknown): void {
    this.#onEnd(execution);
    execution.started.resolve(undefined);
    execution.finished.reject(error);
  }

  /** A long result would be in memory once per reader, as would its JSON: readers get it from the store, piece by piece. */
  #finishedEvent({ record, output }: RecordedEnd): FinishedEvent {
    if (lengthOf(record, output) <= SHORT_RESULT_CHARACTERS) {
      return { type: 'finished', execution: executionResultOf(record, output) };
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

  #log(record: ExecutionRecord): Logger {
    return this.#dependencies.logger.child({ execution_id: record.id, session_id: record.sessionId });
  }
}

function lengthOf({ outcome }: ExecutionRecord, output: RecordedEnd['output']): number {
  let length = (outcome === null ? null : returnValueOf(outcome))?.length ?? 0;
  for (const event of output) {
    if ('text' in event) length += event.text.length;
    else if (event.type === 'result') length += event.bundle.length;
  }
  return length;
}
