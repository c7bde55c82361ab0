import type { IncomingMessage } from 'node:http';
import type { ExecutionEvent } from '@caisson/protocol/api';
import { createParser } from 'eventsource-parser';

/** Events of a response with server-sent events, as they arrive. */
export async function* readEvents(answer: IncomingMessage): AsyncGenerator<ExecutionEvent> {
  const ready: ExecutionEvent[] = [];
  const parser = createParser({
    onEvent: ({ event, data }) => {
      ready.push({ ...(JSON.parse(data) as object), type: event } as ExecutionEvent);
    },
  });
  answer.setEncoding('utf8');
  for await (const chunk of answer) {
    parser.feed(String(chunk));
    yield* ready.splice(0);
  }
}
