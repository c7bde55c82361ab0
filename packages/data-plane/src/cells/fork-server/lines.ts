import type { Duplex } from 'node:stream';

const NEWLINE = 0x0a;
export const MAX_LINE_BYTES = 4096;

/** Calls `onLine` with each line that arrives, and `onEnd` once: at the end of the stream, or when a line is too long. */
export function readLines(stream: Duplex, onLine: (line: string) => void, onEnd: () => void): void {
  let partial: Buffer = Buffer.alloc(0);
  let ended = false;
  const end = () => {
    if (ended) return;
    ended = true;
    onEnd();
  };
  stream.on('data', (chunk: Buffer) => {
    let rest = partial.length === 0 ? chunk : Buffer.concat([partial, chunk]);
    for (let at = rest.indexOf(NEWLINE); at !== -1 && !ended; at = rest.indexOf(NEWLINE)) {
      const line = rest.toString('utf8', 0, at);
      rest = rest.subarray(at + 1);
      onLine(line);
    }
    partial = rest;
    if (partial.length > MAX_LINE_BYTES) end();
  });
  stream.on('end', end).on('close', end).on('error', end);
}

/**
 * The first line that arrives. Nothing may follow it: its writer waits for an answer.
 * @throws Error if the stream ends first, more than the line arrives, or `signal` is aborted
 */
export async function readFirstLine(stream: Duplex, signal: AbortSignal): Promise<string> {
  let text = '';
  const { promise, resolve, reject } = Promise.withResolvers<string>();
  const read = () => {
    for (let chunk = stream.read() as Buffer | null; chunk !== null; chunk = stream.read() as Buffer | null) {
      text += chunk.toString();
    }
    const end = text.indexOf('\n');
    if (end === text.length - 1 && end !== -1) resolve(text.slice(0, -1));
    else if (end !== -1 || text.length > MAX_LINE_BYTES) reject(new Error('it said more than one line'));
  };
  const lose = () => {
    reject(new Error('it ended'));
  };
  const abort = () => {
    reject(signal.reason as Error);
  };
  stream.on('readable', read).on('close', lose).on('end', lose).on('error', lose);
  signal.addEventListener('abort', abort, { once: true });
  if (signal.aborted) abort();
  try {
    return await promise;
  } finally {
    signal.removeEventListener('abort', abort);
    stream.off('readable', read).off('close', lose).off('end', lose).off('error', lose);
  }
}
