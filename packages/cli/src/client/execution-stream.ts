import { setTimeout as delay } from 'node:timers/promises';
import { type ExecutionEvent, type ExecutionId, executionEvent, executionId } from '@caisson/protocol/api';
import type { EventSourceMessage } from 'eventsource-parser';
import { CliFailure } from '../failure.ts';
import { type ApiRequest, MAX_ANSWER_BYTES, send, type Target } from './http.ts';
import { withIdleTimeout } from './idle-timeout.ts';
import { parseEvents } from './sse.ts';

/** The server sends something every 15 seconds, be it a comment. */
const SILENCE_MS = 60_000;
/** How often in a row a lost connection is made again without one event in between. */
const MAX_RECONNECTS = 5;
const RECONNECT_MS = 300;

export interface ExecutionStream {
  readonly id: ExecutionId;
  /** Ends after `finished`. A lost connection is taken up where it broke. */
  readonly events: AsyncGenerator<ExecutionEvent>;
}

/**
 * Starts an execution and follows it.
 * @param request to an endpoint that executes
 * @throws CliFailure as `send` does; `events` throws it where the connection is lost for good
 */
export async function startExecution(
  target: Target,
  request: ApiRequest,
  signal: AbortSignal,
): Promise<ExecutionStream> {
  const headers = { ...request.headers, accept: 'text/event-stream' };
  const response = await send(target, { ...request, headers }, signal);
  const location = response.headers.get('location') ?? '';
  const id = executionId.safeParse(location.slice(location.lastIndexOf('/') + 1));
  if (!id.success) throw new CliFailure('the server did not say which execution it began; is it Caisson?');
  return { id: id.data, events: follow(target, id.data, response, signal) };
}

async function* follow(
  target: Target,
  id: ExecutionId,
  first: Response,
  signal: AbortSignal,
): AsyncGenerator<ExecutionEvent> {
  let response: Response | undefined = first;
  let lastEventId = '0';
  let failures = 0;
  for (;;) {
    let failure: unknown;
    try {
      response ??= await resume(target, id, lastEventId, signal);
      for await (const message of messagesOf(response)) {
        failures = 0;
        lastEventId = message.id ?? lastEventId;
        const event = eventOf(message);
        if (event === undefined) continue;
        yield event;
        if (event.type === 'finished') return;
      }
    } catch (error) {
      signal.throwIfAborted();
      failure = error;
    }
    response = undefined;
    if (++failures > MAX_RECONNECTS) {
      throw new CliFailure(`the connection was lost; the execution is ${id}`, { cause: failure });
    }
    await delay(RECONNECT_MS, undefined, { signal });
  }
}

async function resume(
  target: Target,
  id: ExecutionId,
  after: string,
  signal: AbortSignal,
): Promise<Response> {
  const headers = { accept: 'text/event-stream', 'last-event-id': after };
  return send(target, { method: 'GET', path: `/api/v1/executions/${id}/logs`, headers }, signal);
}

function messagesOf(response: Response): AsyncGenerator<EventSourceMessage> {
  const chunks = withIdleTimeout(response.body ?? emptyBody(), SILENCE_MS);
  return parseEvents(chunks, { maxCharacters: MAX_ANSWER_BYTES });
}

async function* emptyBody(): AsyncGenerator<Uint8Array> {
  // Yields nothing.
}

/** `undefined` for events that this version does not know. */
function eventOf({ event: type, data }: EventSourceMessage): ExecutionEvent | undefined {
  const parsed = executionEvent.safeParse({ ...(JSON.parse(data) as object), type });
  return parsed.success ? parsed.data : undefined;
}
