import type { Writable } from 'node:stream';

/** Writes `text` and resolves when the stream has taken it, so that a slow reader slows the sender. */
export async function writeText(stream: Writable, text: string): Promise<void> {
  await new Promise<void>((resolve, reject) => {
    stream.write(text, (error) => {
      if (error) reject(error);
      else resolve();
    });
  });
}

/** Whether the reader of our output has gone, as `head` does when it has seen enough. */
export function isBrokenPipe(error: unknown): boolean {
  return error instanceof Error && 'code' in error && error.code === 'EPIPE';
}
