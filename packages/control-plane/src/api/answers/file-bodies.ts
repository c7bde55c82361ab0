import { Readable, Transform } from 'node:stream';
import { CaissonError } from '@caisson/protocol/api';
import type { fileEntry } from '@caisson/protocol/api';
import type { FileEntry } from '@caisson/protocol/ports';
import type { z } from 'zod';
import { within } from '../requests/within.ts';

export function fileEntryOf(entry: FileEntry): z.output<typeof fileEntry> {
  return {
    path: entry.path,
    name: entry.name,
    type: entry.type,
    size_bytes: entry.sizeBytes,
    mode: entry.mode.toString(8).padStart(4, '0'),
    modified_at: entry.modifiedAt.toISOString(),
  };
}

/**
 * The first `length` bytes of `body`; an error if there are fewer. The code in the sandbox may let a file grow while
 * it is read: bytes beyond the announced length would be taken for the beginning of the next answer.
 */
export function exactly(body: Readable, length: number): Readable {
  let left = length;
  const cut = new Transform({
    transform(chunk: Buffer, _encoding, done) {
      const part = chunk.length > left ? chunk.subarray(0, left) : chunk;
      left -= part.length;
      done(null, part);
    },
    flush(done) {
      done(left > 0 ? new Error('the file became shorter while it was read') : null);
    },
    destroy(error, done) {
      body.destroy();
      done(error);
    },
  });
  body.once('error', (error) => cut.destroy(error));
  return body.pipe(cut);
}

/** What comes in of `body`, which stays open where it is read to an early end: its connection carries the answer. */
export function chunksOf(body: Readable): AsyncIterable<Buffer> {
  return body.iterator({ destroyOnReturn: false }) as AsyncIterable<Buffer>;
}

/** `chunks` as a stream, ended with an error when none arrives for `ms`: nobody can hold a file open by a pause. */
export function withIdleLimit(chunks: AsyncIterable<Buffer>, ms: number): Readable {
  return Readable.from(limited(chunks, ms), { objectMode: false });
}

async function* limited(chunks: AsyncIterable<Buffer>, ms: number): AsyncGenerator<Buffer> {
  const iterator = chunks[Symbol.asyncIterator]();
  const late = () => {
    const fields = [{ field: 'body', message: `paused for longer than ${ms} ms` }];
    return new CaissonError('validation_failed', { fields });
  };
  try {
    for (;;) {
      const next = await within(iterator.next(), ms, late);
      if (next.done === true) return;
      yield next.value;
    }
  } finally {
    // Not awaited: where the sender pauses, it would wait as long.
    iterator.return?.().catch(ignore);
  }
}

function ignore(): void {
  // Why the body ended was told to whoever read it.
}

/** Names are the tenants': quoted for old readers with what is safe, and in full by RFC 6266 for all others. */
export function attachment(name: string): string {
  const plain = name.replace(/[^\w.\- ]/g, '_');
  const full = encodeURIComponent(name.toWellFormed()).replace(
    /['()*]/g,
    (character) => `%${character.charCodeAt(0).toString(16).toUpperCase()}`,
  );
  return `attachment; filename="${plain}"; filename*=UTF-8''${full}`;
}
