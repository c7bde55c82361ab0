import { isCaissonError, isFinished } from '@caisson/protocol/api';
import type { ExecutionEvent } from '@caisson/protocol/api';
import type { DataPlane } from '@caisson/protocol/ports';
import type { ExecutionRecord } from '../model/execution-record.ts';
import { eventOf, firstEventsOf } from '../views/execution-view.ts';

/** An event as readers get it: the last one has the whole result, which may be too long to keep in memory for each reader. */
export type FollowedEvent = ExecutionEvent | LongFinishedEvent;

/** Each call of `pieces` starts the JSON text of the result from the beginning. */
export interface LongFinishedEvent {
  readonly type: 'finished';
  readonly pieces: () => AsyncIterable<string>;
}

/** The last event of an execution. */
export type FinishedEvent = Extract<FollowedEvent, { type: 'finished' }>;

export interface NumberedEvent {
  /** The first event's is 1. */
  readonly id: number;
  readonly event: FollowedEvent;
}

/** Reads the events of an execution from its own position. */
export interface EventReader extends Disposable {
  /** The next event, as soon as there is one; `undefined` after the last, and once disposed of. */
  next(): Promise<NumberedEvent | undefined>;
}

/** An execution that was unfinished when its reader started. */
export interface UnfinishedSource {
  readonly record: ExecutionRecord;
  /** Resolves with its record once it runs, or has ended without a start. */
  started(signal: AbortSignal): Promise<Pick<ExecutionRecord, 'id' | 'state' | 'startedAt'>>;
  /** Resolves with its last event once its outcome is recorded. */
  finished(signal: AbortSignal): Promise<FinishedEvent>;
  /** Its events after the id `after`, once its end is on record. */
  replay(after: number): Promise<EventReader>;
}

/**
 * The events of an unfinished execution after the id `after`, as they happen: status events from the control plane, output from
 * its node. With `holdsBack`, a slow reader slows the code down.
 */
export function followUnfinished(
  dataPlane: Pick<DataPlane, 'follow'>,
  source: UnfinishedSource,
  after: number,
  holdsBack: boolean,
): EventReader {
  const closed = new AbortController();
  const events = eventsOf(dataPlane, source, { after, holdsBack, signal: closed.signal });
  return {
    next: async () => {
      try {
        return (await events.next()).value;
      } catch (error) {
        if (closed.signal.aborted) return undefined;
        throw error;
      }
    },
    [Symbol.dispose]() {
      closed.abort(new Error('the reader has left'));
      events.return(undefined).catch(() => undefined);
    },
  };
}

async function* eventsOf(
  dataPlane: Pick<DataPlane, 'follow'>,
  source: UnfinishedSource,
  { after, holdsBack, signal }: { after: number; holdsBack: boolean; signal: AbortSignal },
): AsyncGenerator<NumberedEvent, undefined> {
  const { id } = source.record;
  const [queued] = firstEventsOf({ id, startedAt: null });
  if (after < 1 && queued !== undefined) yield { id: 1, event: queued };
  const started = await source.started(signal);
  const first = firstEventsOf(started);
  for (const [index, event] of first.entries()) {
    if (index >= Math.max(after, 1)) yield { id: index + 1, event };
  }
  let last = Math.max(after, first.length);
  if (isFinished(started.state.status)) return yield* replayed(source, last);
  try {
    for await (const batch of dataPlane.follow(id, last - first.length, holdsBack, signal)) {
      for (const [index, event] of batch.events.entries()) {
        last = first.length + batch.first + index;
        yield { id: last, event: eventOf(event) };
      }
    }
  } catch (error) {
    // Its node has never had it, or another replica has recorded its end just now.
    if (!isCaissonError(error, 'execution_not_found')) throw error;
    await source.finished(signal);
    return yield* replayed(source, last);
  }
  yield { id: last + 1, event: await source.finished(signal) };
  return undefined;
}

async function* replayed(source: UnfinishedSource, after: number): AsyncGenerator<NumberedEvent, undefined> {
  using reader = await source.replay(after);
  for (let event = await reader.next(); event !== undefined; event = await reader.next()) yield event;
  return undefined;
}
