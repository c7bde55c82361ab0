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
import { assertKept, resultPieces, storedResultOf } from '../views/stored-result.ts';
import { LOST } from './end-recorder.ts';
import type { EndRecorder, RecordedEnd } from './end-recorder.ts';
import type { FinishedEvent } from './execution-events.ts';
import type { LiveExecution } from './live-execution.ts';
import type { Dispatcher } from './queue/dispatcher.ts';

/** A result of up to this length is sent to readers of events as a whole. */
const SHORT_RESULT_CHARACTERS = 64 * 1024;
/** The longest that a timer can be set for: as good as no limit. */
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

/** Leads the executions of this replica from their start to their end, and has both written down. */
export class ExecutionLife {
  readonly #dependencies: LifeDependencies;
  readonly #onEnd: (execution: LiveExecution) => void;

  /** `onEnd` is called once for each, after its end is in the database, or is given up. */
  constructor(dependencies: LifeDependencies, onEnd: (execution: LiveExecution) => void) {
    this.#dependencies = dependencies;
    this.#onEnd = onEnd;
  }

  /** Its turn has come: it runs from now on. */
  begin(execution: LiveExecution, nodeId: NodeId): void {
    const next = advance(execution.record, RUNNING, this.#dependencies.clock.nowMs());
    if (next !== undefined) execution.record = { ...next, nodeId };
  }

  /** One that had to wait: its row says `queued` so far. Never rejects. */
  async runQueued(execution: LiveExecution, nodeId: NodeId): Promise<void> {
    const { dispatcher } = this.#dependencies;
    this.begin(execution, nodeId);
    let begun: boolean;
    try {
      await execution.inserted;
      begun = await this.#recordStart(execution);
    } catch (error) {
      // Where it was never inserted, whoever submitted it was told, and nothing of it is on record.
      this.#log(execution.record).debug({ err: error }, 'execution not started');
      this.#giveUp(execution, error);
      dispatcher.leave(execution.item);
      return;
    }
    if (begun) await this.run(execution);
    else {
      // Another replica has ended it meanwhile.
      await this.#finishAsRecorded(execution);
      dispatcher.leave(execution.item);
    }
  }

  /** Runs what has begun, to its end. Never rejects: what goes wrong becomes the end, or a line in the log. */
  async run(execution: LiveExecution): Promise<void> {
    const { dataPlane, dispatcher, closing } = this.#dependencies;
    const { run, record } = execution;
    try {
      const refused = await this.#start(execution);
      execution.begun.resolve(undefined);
      if (refused !== undefined) {
        await this.#finish(execution, refused);
        return;
      }
      if (execution.end !== undefined) await dataPlane.cancel(record.id, execution.end, closing);
      const ended = await this.#outcomeOf(record);
      if (ended === undefined) await this.#finish(execution, LOST);
      else await this.#finish(execution, ended, run.request.step.executionId);
    } catch (error) {
      // Its node keeps what came of it, for the next who compares the rows with the nodes.
      this.#giveUp(execution, error);
    } finally {
      dispatcher.leave(execution.item);
    }
  }

  /** Ends one for a reason from outside, and waits until that is on record, `waitMs` at most. */
  async end(execution: LiveExecution, end: EndRequest, waitMs: number): Promise<void> {
    const { dataPlane, dispatcher, closing } = this.#dependencies;
    execution.end ??= end;
    const ended = settledWithin(execution.finished.promise, waitMs);
    if (dispatcher.withdraw(execution.item)) {
      const outcome = stoppedOutcome(end.reason, NOT_RUN);
      const cancelled = { outcome, placement: null, endedBy: end.by, endedMsAgo: 0 };
      execution.begun.resolve(undefined);
      await Promise.race([this.#finish(execution, cancelled), ended]);
      return;
    }
    await dataPlane.cancel(execution.record.id, end, closing);
    await ended;
  }

  /** Where a job runs before its start is on record, a crash would make it run again: it waits for the storage. */
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

  /** @returns the outcome where its node does not take it */
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

  /** What came of it; `undefined` where its node does not know it. @throws the reason of `closing` */
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

  /** @param onNode its id, where its node has its output */
  async #finish(
    execution: LiveExecution,
    ended: ExecutionOutcome,
    onNode?: ExecutionRecord['id'],
  ): Promise<void> {
    const { recorder, closing } = this.#dependencies;
    const onUnwritten = (error: CaissonError) => {
      execution.unwritten = error;
      execution.finished.reject(error);
    };
    let recorded: RecordedEnd | undefined;
    try {
      await execution.inserted;
      recorded =
        onNode === undefined
          ? await recorder.record(execution.record, ended, [], onUnwritten)
          : await recorder.recordFromNode(execution.record, ended, closing, onUnwritten);
    } catch (error) {
      if (isCaissonError(error, 'execution_not_found')) {
        // Another replica has recorded its end, so that its node has forgotten it.
        await this.#finishAsRecorded(execution);
        return;
      }
      // Nobody is told that it has ended: whoever compares the rows with the nodes next records it.
      this.#log(execution.record).error({ err: error }, 'end of the execution not recorded');
      this.#giveUp(execution, error);
      return;
    }
    if (recorded === undefined) await this.#finishAsRecorded(execution);
    else this.#tellEnd(execution, recorded.record, this.#finishedEvent(recorded));
  }

  /** Another replica has written its end. */
  async #finishAsRecorded(execution: LiveExecution): Promise<void> {
    const { store } = this.#dependencies;
    const { tenantId, id } = execution.record;
    try {
      const stored = await store.read(tenantId, id);
      if (stored === undefined || !isFinished(stored.record.state.status)) {
        throw new CaissonError('execution_not_found', { id });
      }
      const result = await storedResultOf(stored);
      const event: FinishedEvent =
        Symbol.asyncIterator in result
          ? { type: 'finished', pieces: () => resultPieces(stored) }
          : { type: 'finished', execution: result };
      this.#tellEnd(execution, stored.record, event);
    } catch (error) {
      this.#giveUp(execution, error);
    }
  }

  #tellEnd(execution: LiveExecution, record: ExecutionRecord, event: FinishedEvent): void {
    execution.record = record;
    this.#onEnd(execution);
    execution.begun.resolve(undefined);
    execution.finished.resolve(event);
  }

  #giveUp(execution: LiveExecution, error: unknown): void {
    this.#onEnd(execution);
    execution.begun.resolve(undefined);
    execution.finished.reject(error);
  }

  /** Each reader would hold a copy of a long result, and of its JSON: they get it from the store, piece by piece. */
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
