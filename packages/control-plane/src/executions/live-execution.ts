import type { CaissonError } from '@caisson/protocol/api';
import type { EndRequest, ExecutionRequest, StepRequest } from '@caisson/protocol/ports';
import type { ExecutionRecord } from '../model/execution-record.ts';
import type { FinishedEvent } from './execution-events.ts';
import type { QueueItem } from './queue/dispatcher.ts';

/** What runs, and for whom. */
export interface Run {
  readonly request: ExecutionRequest;
  /** Whether it goes on without its caller; a job that still waits then outlives a restart too. */
  readonly detached: boolean;
}

/** An execution that this replica has taken in hand and that has not ended. What is live of it is on its node. */
export interface LiveExecution {
  record: ExecutionRecord;
  readonly run: Run;
  readonly item: QueueItem;
  /** Resolves when it was started on its node, or has ended without that. */
  readonly begun: PromiseWithResolvers<unknown>;
  /** Its last event, once its end is on record; rejects where the end could not be written at once. */
  readonly finished: PromiseWithResolvers<FinishedEvent>;
  /** Settles when its row is in the database. */
  inserted: Promise<void>;
  /** Why it is to end, where that was asked for. */
  end: EndRequest | undefined;
  /** Set while its end cannot be written: what those get who ask for it. */
  unwritten: CaissonError | undefined;
}

/** `start` is called when its turn comes, if it has to wait. */
export function liveExecution(
  record: ExecutionRecord,
  run: Run,
  start: (execution: LiveExecution) => void,
): LiveExecution {
  const execution: LiveExecution = {
    record,
    run,
    begun: Promise.withResolvers(),
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
  // Nobody has to wait for it; whoever does gets the rejection.
  execution.finished.promise.catch(() => undefined);
  return execution;
}

/** Bytes that a waiting step holds, roughly: its texts, and a kilobyte for the rest. */
function sizeOf({ code, stdin, env, event }: StepRequest): number {
  const envCharacters = Object.entries(env).reduce((sum, [name, text]) => sum + name.length + text.length, 0);
  return 1024 + code.length + (stdin?.length ?? 0) + envCharacters + event.length;
}
