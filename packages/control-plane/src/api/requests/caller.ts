import type { FastifyReply } from 'fastify';

/** Calls `act` once if the caller disconnects, or has disconnected, before the whole answer is written to its socket. */
export function onDisconnect(reply: FastifyReply, act: () => void): void {
  if (reply.request.raw.socket.destroyed) {
    act();
    return;
  }
  reply.raw.once('close', () => {
    if (!reply.raw.writableFinished) act();
  });
}

/**
 * Aborts when the caller disconnects. Fastify's `request.signal` does not serve: it aborts with the request stream, which ends
 * once the body is read, and misses callers that disconnect later.
 */
export function callerSignal(reply: FastifyReply): AbortSignal {
  const gone = new AbortController();
  onDisconnect(reply, () => {
    gone.abort();
  });
  return gone.signal;
}
