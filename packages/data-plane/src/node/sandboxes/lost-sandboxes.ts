import type { SandboxId } from '@caisson/protocol/api';

/** How many ids a reader may be behind. Beyond that it misses some, and has to list the sandboxes instead. */
const MAX_BEHIND = 10_000;

interface LostReader {
  readonly ids: SandboxId[];
  wake: () => void;
}

/** Publishes the ids of lost sandboxes to any number of readers. */
export class LostSandboxes {
  readonly #readers = new Set<LostReader>();

  publish(id: SandboxId): void {
    for (const reader of this.#readers) {
      if (reader.ids.length < MAX_BEHIND) reader.ids.push(id);
      reader.wake();
    }
  }

  /** Sandboxes lost after this call; ends when `signal` is aborted. */
  follow(signal: AbortSignal): AsyncIterable<readonly SandboxId[]> {
    const reader: LostReader = { ids: [], wake: () => undefined };
    this.#readers.add(reader);
    return this.#read(reader, signal);
  }

  async *#read(reader: LostReader, signal: AbortSignal): AsyncGenerator<readonly SandboxId[]> {
    const onAbort = () => {
      reader.wake();
    };
    signal.addEventListener('abort', onAbort, { once: true });
    try {
      while (!signal.aborted) {
        if (reader.ids.length > 0) {
          yield reader.ids.splice(0);
          continue;
        }
        await new Promise((resolve) => {
          reader.wake = () => {
            resolve(undefined);
          };
        });
      }
    } finally {
      signal.removeEventListener('abort', onAbort);
      this.#readers.delete(reader);
    }
  }
}
