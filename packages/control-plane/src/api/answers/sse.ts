import { Readable } from 'node:stream';
import { setTimeout as delay } from 'node:timers/promises';
import type { FastifyReply, FastifyRequest } from 'fastify';
import { onDisconnect } from '../requests/caller.ts';
import { writeJson } from '../../views/embedded-json.ts';
import type { EventReader, LongFinishedEvent, NumberedEvent } from '../../executions/execution-events.ts';

export interface SseSettings {
  readonly heartbeatMs: number;
  readonly stalledReaderMs: number;
}

/** Answers with the events of `reader` as they happen, each one after the caller has read the previous one. */
export function sendEvents(
  request: FastifyRequest,
  reply: FastifyReply,
  reader: EventReader,
  settings: SseSettings,
): FastifyReply {
  const gone = new AbortController();
  onDisconnect(reply, () => {
    // The generator may be waiting for a distant event: wake it, so that it ends now.
    gone.abort();
    reader[Symbol.dispose]();
  });
  const cut = () => {
    request.raw.socket.destroy();
  };
  const frames = Readable.from(framesOf(reader, settings, gone.signal, cut), { objectMode: false });
  return reply
    .code(200)
    .header('content-type', 'text/event-stream; charset=utf-8')
    .header('cache-control', 'no-store')
    .header('x-accel-buffering', 'no')
    .send(frames);
}

async function* framesOf(
  reader: EventReader,
  { heartbeatMs, stalledReaderMs }: SseSettings,
  gone: AbortSignal,
  cut: () => void,
): AsyncGenerator<string> {
  using events = reader;
  let next = events.next();
  for (;;) {
    const event = await withHeartbeat(next, heartbeatMs, gone);
    if (event === undefined) return;
    for await (const text of event === 'heartbeat' ? [': still here\n\n'] : frameOf(event)) {
      const stalled = setTimeout(cut, stalledReaderMs).unref();
      try {
        yield text;
      } finally {
        clearTimeout(stalled);
      }
    }
    if (event !== 'heartbeat') next = events.next();
  }
}

async function withHeartbeat(
  next: Promise<NumberedEvent | undefined>,
  heartbeatMs: number,
  gone: AbortSignal,
): Promise<NumberedEvent | 'heartbeat' | undefined> {
  const over = new AbortController();
  const signal = AbortSignal.any([over.signal, gone]);
  try {
    const heartbeat = delay(heartbeatMs, 'heartbeat' as const, { signal, ref: false }).catch(() => undefined);
    return await Promise.race([next, heartbeat]);
  } finally {
    over.abort();
  }
}

/** `data` is always one line: JSON text contains no raw line breaks. */
function frameOf({ id, event }: NumberedEvent): Iterable<string> | AsyncIterable<string> {
  if ('pieces' in event) return longFrameOf(id, event);
  const { type, ...data } = event;
  return [`id: ${id}\nevent: ${type}\ndata: ${writeJson(data)}\n\n`];
}

async function* longFrameOf(id: number, { type, pieces }: LongFinishedEvent): AsyncGenerator<string> {
  yield `id: ${id}\nevent: ${type}\ndata: {"execution":`;
  yield* pieces();
  yield '}\n\n';
}

/** The event id after which a reconnecting reader resumes; 0, the beginning, if the header is not a number. */
export function lastEventId(header: string | string[] | undefined): number {
  return typeof header === 'string' && /^\d{1,15}$/.test(header) ? Number(header) : 0;
}
