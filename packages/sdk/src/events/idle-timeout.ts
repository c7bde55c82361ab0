import { ApiError } from '../api-error.ts';

/**
 * `body`, as long as the next chunk arrives within `idleMs`. Only the time spent waiting for a chunk counts, not what the
 * reader takes to use it. After that the stream fails with ApiError `connection_lost`, and `body` is cancelled.
 */
export function withIdleTimeout(
  body: ReadableStream<Uint8Array>,
  idleMs: number,
): ReadableStream<Uint8Array> {
  const reader = body.getReader();
  return new ReadableStream<Uint8Array>(
    {
      async pull(controller) {
        const idle = Promise.withResolvers<never>();
        const timer = setTimeout(() => {
          idle.reject(new ApiError('connection_lost', `the server was silent for ${idleMs / 1000} seconds`));
        }, idleMs);
        try {
          const { done, value } = await Promise.race([reader.read(), idle.promise]);
          if (done) controller.close();
          else controller.enqueue(value);
        } catch (error) {
          reader.cancel(error).catch(() => undefined);
          throw error;
        } finally {
          clearTimeout(timer);
        }
      },
      cancel: (reason) => reader.cancel(reason),
    },
    // Nothing is read ahead, so that a pull means a reader that waits.
    { highWaterMark: 0 },
  );
}
