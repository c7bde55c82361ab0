import type { FastifyReply, FastifyRequest } from 'fastify';

const LINGER_MS = 10_000;
const LINGER_BYTES = 256 * 2 ** 20;

/**
 * Lets a caller that is still sending read its answer. Closing now would reset the connection and lose the answer, so the rest of
 * the body is read and dropped, up to a limit, and then the connection is cut.
 */
export function finishReading(request: FastifyRequest, reply: FastifyReply): void {
  const { raw } = request;
  if (raw.complete || raw.destroyed) return;
  // Fastify sets `connection: close` if a body was not read, and Node would then close without waiting.
  reply.removeHeader('connection');
  let bytes = 0;
  const cut = () => {
    raw.socket.destroy();
  };
  const timer = setTimeout(cut, LINGER_MS).unref();
  raw.on('data', (chunk: Buffer) => {
    bytes += chunk.length;
    if (bytes > LINGER_BYTES) cut();
  });
  const done = () => {
    clearTimeout(timer);
  };
  raw.once('end', done);
  raw.once('close', done);
  raw.once('error', done);
  raw.resume();
}
