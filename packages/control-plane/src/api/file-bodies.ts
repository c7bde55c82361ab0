import { Readable, Transform } from 'node:stream';
import { CaissonError } from '@caisson/protocol';
import type { FileEntry, fileEntry } from '@caisson/protocol';
import type { z } from 'zod';

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

/** `body`, ended with an error when nothing of it arrives for `ms`: nobody can hold a file open by dribbling. */
export function withIdleLimit(body: Readable, ms: number): Readable {
  return Readable.from(limited(body, ms), { objectMode: false });
}

async function* limited(body: Readable, ms: number): AsyncGenerator<Buffer> {
  const timeout = () => {
    const fields = [{ field: 'body', message: `paused for longer than ${ms} ms` }];
    body.destroy(new CaissonError('validation_failed', { fields }));
  };
  let timer = setTimeout(timeout, ms).unref();
  try {
    // The body stays open where it is read to an early end, so that the caller still gets an answer.
    for await (const chunk of body.iterator({ destroyOnReturn: false })) {
      clearTimeout(timer);
      yield chunk as Buffer;
      timer = setTimeout(timeout, ms).unref();
    }
  } finally {
    clearTimeout(timer);
  }
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
