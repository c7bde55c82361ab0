import { type ExecutionEvent, type ExecutionId, executionEvent, executionId } from '@caisson/protocol/api';
import type { EventSourceMessage } from 'eventsource-parser';
import { ApiError } from '../api-error.ts';
import { chunksOf } from '../http/read-body.ts';
import { type ApiRequest, type CallOptions, MAX_ANSWER_BYTES, type Transport } from '../http/transport.ts';
import { delay } from './delay.ts';
import { withIdleTimeout } from './idle-timeout.ts';
import { parseEvents } from './sse.ts';

/** The server sends at least a comment every 15 seconds. */
const SILENCE_MS = 60_000;
/** How often in a row a lost connection is resumed without an event in between. */
const MAX_RECONNECTS = 5;
const RECONNECT_MS = 300;
/** Statuses of refusals that a moment later may be none. */
const PASSING_STATUSES: readonly (number | undefined)[] = [undefined, 408, 429, 500, 502, 503, 504];
const EVENT_TYPES: readonly string[] = executionEvent.options.map(({ shape }) => shape.type.value);

export interface ExecutionStream {
  readonly id: ExecutionId;
  /**
   * Ends after `finished`. A lost connection is resumed where it broke.
   * @throws ApiError `connection_lost`, `unexpected_response`, and what the server refuses a resumption with
   */
  readonly events: AsyncGenerator<ExecutionEvent>;
}

/**
 * Starts an execution and follows it. An abort of `options.signal` ends the following; the execution goes on.
 * @param request to an endpoint that executes
 */
export async function startExecution(
  transport: Transport,
  request: ApiRequest,
  options: CallOptions | undefined,
): Promise<ExecutionStream> {
  const headers = { ...request.headers, accept: 'text/event-stream' };
  const response = await transport.call({ ...request, headers }, options, (answer) => answer);
  const location = response.headers.get('location') ?? '';
  const id = executionId.safeParse(location.slice(location.lastIndexOf('/') + 1));
  if (!id.success) {
    await response.body?.cancel();
    const message = 'the server did not say which execution it started; is it Caisson?';
    throw new ApiError('unexpected_response', message);
  }
  return { id: id.data, events: followExecution(transport, id.data, options?.signal, response) };
}

/**
 * The events of an execution, live or replayed, from its first on.
 * @param first an answer with the first events, where there is one already
 */
export async function* followExecution(
  transport: Transport,
  id: ExecutionId,
  signal: AbortSignal | undefined,
  first?: Response,
): AsyncGenerator<ExecutionEvent> {
  let response = first;
  let lastEventId = '0';
  let failures = 0;
  for (;;) {
    let failure: unknown;
    try {
      response ??= await openEvents(transport, id, lastEventId, signal);
      for await (const message of messagesOf(response)) {
        failures = 0;
        const event = eventOf(message);
        lastEventId = message.id ?? lastEventId;
        if (event === undefined) continue;
        yield event;
        if (event.type === 'finished') return;
      }
    } catch (error) {
      signal?.throwIfAborted();
      if (error instanceof ApiError && !isPassing(error)) throw error;
      failure = error;
    }
    response = undefined;
    if (++failures > MAX_RECONNECTS) {
      throw new ApiError('connection_lost', `the connection was lost; the execution is ${id}`, {
        cause: failure,
      });
    }
    await delay(RECONNECT_MS, signal);
  }
}

async function openEvents(
  transport: Transport,
  id: ExecutionId,
  after: string,
  signal: AbortSignal | undefined,
): Promise<Response> {
  const headers = { accept: 'text/event-stream', 'last-event-id': after };
  const request = { method: 'GET', path: `/api/v1/executions/${id}/logs`, headers } as const;
  return transport.call(request, { signal }, (response) => response);
}

function isPassing({ code, status }: ApiError): boolean {
  return code !== 'unexpected_response' && PASSING_STATUSES.includes(status);
}

function messagesOf({ body }: Response): AsyncGenerator<EventSourceMessage> {
  const chunks = chunksOf(body && withIdleTimeout(body, SILENCE_MS));
  return parseEvents(chunks, { maxCharacters: MAX_ANSWER_BYTES });
}

/** `undefined` for types of events that this version does not know. @throws ApiError `unexpected_response` */
function eventOf({ event: type, data }: EventSourceMessage): ExecutionEvent | undefined {
  if (type === undefined || !EVENT_TYPES.includes(type)) return undefined;
  const parsed = executionEvent.safeParse({ ...objectOf(data), type });
  if (parsed.success) return parsed.data;
  const message = `the server sent an event "${type}" that this version does not understand`;
  throw new ApiError('unexpected_response', message, { cause: parsed.error });
}

function objectOf(json: string): object {
  try {
    return JSON.parse(json) as object;
  } catch (error) {
    throw new ApiError('unexpected_response', 'the server sent an event that is not JSON', { cause: error });
  }
}
