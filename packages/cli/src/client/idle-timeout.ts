/**
 * `chunks`, as long as the next comes within `idleMs`. Only the time that is spent waiting counts, not what the reader
 * takes to use a chunk.
 * @throws Error if nothing comes for so long
 */
export async function* withIdleTimeout<Chunk>(
  chunks: AsyncIterable<Chunk>,
  idleMs: number,
): AsyncGenerator<Chunk> {
  const iterator = chunks[Symbol.asyncIterator]();
  let ended = false;
  try {
    for (;;) {
      const idle = Promise.withResolvers<never>();
      const timer = setTimeout(() => {
        idle.reject(new Error(`the server was silent for ${idleMs / 1000} seconds`));
      }, idleMs);
      const result = await Promise.race([iterator.next(), idle.promise]).finally(() => {
        clearTimeout(timer);
      });
      if (result.done === true) {
        ended = true;
        return;
      }
      yield result.value;
    }
  } finally {
    // Not awaited: where the source is stuck, so would be its end.
    if (!ended) iterator.return?.().catch(() => undefined);
  }
}
