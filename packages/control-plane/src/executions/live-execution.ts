import type { CaissonError, StepRequest } from '@caisson/protocol';
import type { Actor } from '../audit/audit-record.ts';
import type { QueueItem } from './queue/dispatcher.ts';
import type { ExecutionRecord } from '../model/execution-record.ts';
import { OutputFeed } from './output-feed.ts';
import type { FinishedEvent } from './output-feed.ts';
import type { StepRunner } from './placing.ts';

/** What runs, where, and for whom. */
export interface Run {
  readonly step: StepRequest;
  readonly place: StepRunner;
  /** Whether it goes on without its caller; a job that still waits then outlives a restart too. */
  readonly detached: boolean;
}

/** An execution that has not ended, as this process holds it. */
export interface LiveExecution {
  record: ExecutionRecord;
  readonly run: Run;
  readonly feed: OutputFeed;
  readonly controller: AbortController;
  /** Its last event, once it is on record; rejects where its end could not be written at once. */
  readonly finished: PromiseWithResolvers<FinishedEvent>;
  readonly item: QueueItem;
  /** Who asked for its end from outside. */
  endedBy: Actor | undefined;
  /** Settles when its row is in the database. */
  inserted: Promise<void>;
  /** Set while its end cannot be written: what to tell those who ask for the end. */
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
    feed: new OutputFeed(run.step.outputLimitBytes),
    controller: new AbortController(),
    finished: Promise.withResolvers<FinishedEvent>(),
    inserted: Promise.resolve(),
    endedBy: undefined,
    unwritten: undefined,
    item: {
      tenantId: record.tenantId,
      serialKey: record.sessionId,
      bytes: sizeOf(run.step),
      start: () => {
        start(execution);
      },
    },
  };
  // Nobody has to wait for it; whoever does gets the rejection.
  execution.finished.promise.catch(() => undefined);
  execution.feed.push({ type: 'status', execution_id: record.id, status: 'queued', reason: null });
  return execution;
}

/** Bytes that a waiting step holds, roughly: its texts, and a kilobyte for the rest. */
function sizeOf({ code, stdin, env, event }: StepRequest): number {
  const envCharacters = Object.entries(env).reduce((sum, [name, text]) => sum + name.length + text.length, 0);
  return 1024 + code.length + (stdin?.length ?? 0) + envCharacters + event.length;
}
