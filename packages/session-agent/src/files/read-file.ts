import { constants } from 'node:fs';
import { open, type FileHandle } from 'node:fs/promises';
import { addAbortSignal, Readable } from 'node:stream';
import type { WorkspacePath } from '@caisson/protocol/api';
import type { FileEntry } from '@caisson/protocol/ports';
import { pathOf } from './descriptor.ts';
import { entryOf } from './entry.ts';
import { systemError } from './file-errors.ts';

const CHUNK_BYTES = 128 * 1024;
/** Non-blocking: a process in the sandbox may hold a lease on the file, for which an open would wait. */
const READ_FLAGS = constants.O_RDONLY | constants.O_NONBLOCK | constants.O_NOCTTY;

/**
 * Opens the regular file that `pinned` pins; `pinned` can be closed afterwards. `body` yields exactly `entry.sizeBytes`
 * bytes, whatever is written to the file meanwhile, or fails.
 * @throws system errors; EISDIR for directories, ENXIO for pipes, sockets and devices, none of which is ever opened
 */
export async function readRegularFile(
  pinned: FileHandle,
  path: WorkspacePath,
  signal: AbortSignal,
): Promise<{ entry: FileEntry; body: Readable }> {
  const stats = await pinned.stat();
  if (stats.isDirectory()) throw systemError('EISDIR', 'is a directory');
  if (!stats.isFile()) throw systemError('ENXIO', 'not a regular file');
  await using stack = new AsyncDisposableStack();
  const file = stack.use(await open(pathOf(pinned), READ_FLAGS));
  const entry = entryOf(path, await file.stat());
  signal.throwIfAborted();
  stack.move();
  return { entry, body: addAbortSignal(signal, bodyOf(file, entry.sizeBytes)) };
}

/** Reads `file` and closes it. */
function bodyOf(file: FileHandle, sizeBytes: number): Readable {
  let position = 0;
  const readNext = async (): Promise<Buffer | null> => {
    const wanted = Math.min(CHUNK_BYTES, sizeBytes - position);
    if (wanted === 0) return null;
    const { bytesRead, buffer } = await file.read(Buffer.allocUnsafe(wanted), 0, wanted, position);
    if (bytesRead === 0) throw new Error('the file was cut short while it was read');
    position += bytesRead;
    return buffer.subarray(0, bytesRead);
  };
  return new Readable({
    highWaterMark: CHUNK_BYTES,
    read() {
      readNext().then(
        (chunk) => this.push(chunk),
        (error: unknown) => this.destroy(error as Error),
      );
    },
    destroy(error, callback) {
      file.close().then(
        () => {
          callback(error);
        },
        (closeError: unknown) => {
          callback(error ?? (closeError as Error));
        },
      );
    },
  });
}
