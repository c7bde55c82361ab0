import type { Writable } from 'node:stream';

/** Writes `text` and resolves once the stream has accepted it, so that a slow reader slows down the sender. */
export async function writeText(stream: Writable, text: string): Promise<void> {
  await new Promise<void>((resolve, reject) => {
    stream.write(text, (error) => {
      if (error) reject(error);
      else resolve();
    });
  });
}

/** Whether the reader of our output is gone, as `head` is once it has read enough. */
export function isBrokenPipe(error: unknown): boolean {
  return error instanceof Error && 'code' in error && error.code === 'EPIPE';
}
