import type { CaissonError } from '@caisson/protocol/api';
import type { EndRequest, ExecutionRequest, StepRequest } from '@caisson/protocol/ports';
import type { ExecutionRecord } from '../model/execution-record.ts';
import type { FinishedEvent } from './execution-events.ts';
import type { QueueItem } from './queue/dispatcher.ts';

/** What to run, and whether its caller waits for it. */
export interface Run {
  readonly request: ExecutionRequest;
  /** Whether it keeps running without its caller; if so, a queued job also survives a restart. */
  readonly detached: boolean;
}

/** An unfinished execution that this replica handles. Its code and output are on its node. */
export interface LiveExecution {
  record: ExecutionRecord;
  readonly run: Run;
  readonly item: QueueItem;
  /** Resolves when it has started on its node, or has ended without a start. */
  readonly started: PromiseWithResolvers<unknown>;
  /** Its last event, once its outcome is recorded; rejects if the outcome could not be written at once. */
  readonly finished: PromiseWithResolvers<FinishedEvent>;
  /** Resolves when its row is in the database. */
  inserted: Promise<void>;
  /** The request to end it, if there was one. */
  end: EndRequest | undefined;
  /** Set while its outcome cannot be written: the error for callers that ask for it. */
  unwritten: CaissonError | undefined;
}

/** `start` is called at its turn, if it has to wait. */
export function liveExecution(
  record: ExecutionRecord,
  run: Run,
  start: (execution: LiveExecution) => void,
): LiveExecution {
  const execution: LiveExecution = {
    record,
    run,
    started: Promise.withResolvers(),
    finished: Promise.withResolvers<FinishedEvent>(),
    inserted: Promise.resolve(),
    end: undefined,
    unwritten: undefined,
    item: {
      tenantId: record.tenantId,
      serialKey: record.sessionId,
      bytes: sizeOf(run.request.step),
      start: () => {
        start(execution);
      },
    },
  };
  // Without a caller that waits, the rejection would be unhandled.
  execution.finished.promise.catch(() => undefined);
  return execution;
}

/** Approximate size in bytes of a queued step: its texts, and a kilobyte for the rest. */
function sizeOf({ code, stdin, env, event }: StepRequest): number {
  const envCharacters = Object.entries(env).reduce((sum, [name, text]) => sum + name.length + text.length, 0);
  return 1024 + code.length + (stdin?.length ?? 0) + envCharacters + event.length;
}
