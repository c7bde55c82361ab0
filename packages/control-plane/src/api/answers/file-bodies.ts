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
 * The first `length` bytes of `body`; an error if there are fewer. Code in the sandbox may append to a file while it is read:
 * the client would parse bytes beyond the announced length as the next answer.
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

/** The chunks of `body`, which stays open if its reader stops early: the answer is sent on the same connection. */
export function chunksOf(body: Readable): AsyncIterable<Buffer> {
  return body.iterator({ destroyOnReturn: false }) as AsyncIterable<Buffer>;
}

/** `chunks` as a stream that fails if none arrives for `ms`, so that a paused sender cannot hold a file open. */
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
    // Not awaited: with a paused sender it would wait as long.
    iterator.return?.().catch(ignore);
  }
}

function ignore(): void {
  // The reader of the body has already got the error.
}

/** `Content-Disposition` for a name that a tenant chose: safe characters for old clients, the full name (RFC 6266) for others. */
export function attachment(name: string): string {
  const plain = name.replace(/[^\w.\- ]/g, '_');
  const full = encodeURIComponent(name.toWellFormed()).replace(
    /['()*]/g,
    (character) => `%${character.charCodeAt(0).toString(16).toUpperCase()}`,
  );
  return `attachment; filename="${plain}"; filename*=UTF-8''${full}`;
}
