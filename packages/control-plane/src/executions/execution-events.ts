import { isCaissonError, isFinished } from '@caisson/protocol/api';
import type { ExecutionEvent } from '@caisson/protocol/api';
import type { DataPlane } from '@caisson/protocol/ports';
import type { ExecutionRecord } from '../model/execution-record.ts';
import { eventOf, firstEventsOf } from '../views/execution-view.ts';

/** An event as its readers get it: the last one has the whole result, which may be too long to hold for each of them. */
export type FollowedEvent = ExecutionEvent | LongFinishedEvent;

/** `pieces` begins to make the JSON text of the result anew. */
export interface LongFinishedEvent {
  readonly type: 'finished';
  readonly pieces: () => AsyncIterable<string>;
}

/** The last event of each. */
export type FinishedEvent = Extract<FollowedEvent, { type: 'finished' }>;

export interface NumberedEvent {
  /** Counts from 1. */
  readonly id: number;
  readonly event: FollowedEvent;
}

/** Reads events from a position of its own. */
export interface EventReader extends Disposable {
  /** The next event, as soon as there is one; `undefined` after the last, and once disposed of. */
  next(): Promise<NumberedEvent | undefined>;
}

/** An execution that had not ended when its reader came. */
export interface UnfinishedSource {
  readonly record: ExecutionRecord;
  /** Resolves with its record when it runs, or has ended without that. */
  begun(signal: AbortSignal): Promise<Pick<ExecutionRecord, 'id' | 'state' | 'startedAt'>>;
  /** Resolves when its end is on record. */
  finished(signal: AbortSignal): Promise<FinishedEvent>;
  /** Its events after the id `after`, once its end is on record. */
  replay(after: number): Promise<EventReader>;
}

/**
 * The events after the id `after` of an execution that has not ended, as they happen: those of its state from here, its output
 * from its node. With `holdsBack`, a reader that is slow slows the code down.
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
  const begin = await source.begun(signal);
  const first = firstEventsOf(begin);
  for (const [index, event] of first.entries()) {
    if (index >= Math.max(after, 1)) yield { id: index + 1, event };
  }
  let last = Math.max(after, first.length);
  if (isFinished(begin.state.status)) return yield* replayed(source, last);
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
