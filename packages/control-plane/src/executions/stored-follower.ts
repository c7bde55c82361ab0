import { isFinished } from '@caisson/protocol/api';
import type { StoredExecution } from '../store/executions.ts';
import { eventOf, firstEventsOf } from '../views/execution-view.ts';
import type { EventReader, FinishedEvent, NumberedEvent } from './execution-events.ts';
import { pagesOf, resultPieces, storedResultOf } from '../views/stored-result.ts';

/**
 * Replays the events of a finished execution after the id `after`, with the ids that they had live; one page of its output is in
 * memory at a time.
 */
export function followStored(stored: StoredExecution, after: number): EventReader {
  const events = eventsAfter(stored, after);
  return {
    next: async () => (await events.next()).value,
    [Symbol.dispose]() {
      events.return(undefined).catch(() => undefined);
    },
  };
}

async function* eventsAfter(
  stored: StoredExecution,
  after: number,
): AsyncGenerator<NumberedEvent, undefined> {
  const { record, output } = stored;
  const first = firstEventsOf(record);
  for (const [index, event] of first.entries()) if (index >= after) yield { id: index + 1, event };
  const skipped = Math.max(after - first.length, 0);
  let count = 0;
  const firstPage = skipped === 0 ? 0 : Math.max(await output.pageOfEvent(skipped), 0);
  for await (const page of pagesOf(stored, firstPage)) {
    for (const [index, event] of page.events.entries()) {
      const position = page.firstEvent + index;
      if (position >= skipped) yield { id: first.length + position + 1, event: eventOf(event) };
    }
    count = page.firstEvent + page.events.length;
  }
  const id = first.length + count + 1;
  if (id > after && isFinished(record.state.status)) yield { id, event: await finishedEventOf(stored) };
  return undefined;
}

/** The last event of a finished execution. */
export async function finishedEventOf(stored: StoredExecution): Promise<FinishedEvent> {
  const result = await storedResultOf(stored);
  if (Symbol.asyncIterator in result) return { type: 'finished', pieces: () => resultPieces(stored) };
  return { type: 'finished', execution: result };
}
