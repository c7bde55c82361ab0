import type { FastifyReply } from 'fastify';

/** Calls `act` once if the caller goes away, or has gone, before the whole answer was handed over to the system. */
export function whenGone(reply: FastifyReply, act: () => void): void {
  if (reply.request.raw.socket.destroyed) {
    act();
    return;
  }
  reply.raw.once('close', () => {
    if (!reply.raw.writableFinished) act();
  });
}

/**
 * Aborts when the caller goes away. Not Fastify's `request.signal`: that one follows the request's own end, which comes
 * as soon as the body was read, and never tells of a caller that leaves after it.
 */
export function callerSignal(reply: FastifyReply): AbortSignal {
  const gone = new AbortController();
  whenGone(reply, () => {
    gone.abort();
  });
  return gone.signal;
}
