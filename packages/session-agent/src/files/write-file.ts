import { randomBytes } from 'node:crypto';
import { constants } from 'node:fs';
import { lstat, open, rename, unlink, type FileHandle } from 'node:fs/promises';
import type { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import type { FileEntry, WorkspacePath } from '@caisson/protocol';
import { pathAt } from './descriptor.ts';
import { entryOf } from './entry.ts';
import { isSystemError, systemError } from './file-errors.ts';
import type { Owner } from './owner.ts';
import type { Place } from './place.ts';

const FILE_MODE = 0o644;
const WRITE_FLAGS = constants.O_WRONLY | constants.O_CREAT | constants.O_EXCL | constants.O_NOFOLLOW;

/**
 * Puts the bytes of `body` into `place`: into a hidden file beside it first, which takes its place when all are there.
 * A link in the place is replaced, not followed. Whatever fails, nothing is left and what was there before stays.
 * @throws system errors; EISDIR if a directory is there
 */
export async function writeRegularFile(
  place: Place,
  path: WorkspacePath,
  body: Readable,
  owner: Owner,
  signal: AbortSignal,
): Promise<FileEntry> {
  const { parent, name } = place;
  await refuseDirectory(place);
  const temporary = pathAt(parent, Buffer.from(`.caisson-${randomBytes(16).toString('hex')}.tmp`));
  await using stack = new AsyncDisposableStack();
  // Root's own until it is whole, so that no process in the sandbox can hold it open for writing.
  const file = stack.use(await open(temporary, WRITE_FLAGS, 0o600));
  stack.defer(async () => removeIfThere(temporary));
  await pipeline(body, async (chunks: AsyncIterable<Buffer>) => file.writeFile(chunks), { signal });
  await handOver(file, owner);
  const stats = await file.stat();
  await rename(temporary, pathAt(parent, name));
  return entryOf(path, stats);
}

async function refuseDirectory({ parent, name }: Place): Promise<void> {
  try {
    if ((await lstat(pathAt(parent, name))).isDirectory()) throw systemError('EISDIR', 'is a directory');
  } catch (error) {
    if (!isSystemError(error, 'ENOENT')) throw error;
  }
}

async function handOver(file: FileHandle, owner: Owner): Promise<void> {
  await file.chmod(FILE_MODE);
  await file.chown(owner.uid, owner.gid);
}

/** After the rename it is not. A name that a process in the sandbox gave to something else goes all the same. */
async function removeIfThere(path: Buffer): Promise<void> {
  try {
    await unlink(path);
  } catch (error) {
    if (!isSystemError(error, 'ENOENT', 'EISDIR')) throw error;
  }
}
