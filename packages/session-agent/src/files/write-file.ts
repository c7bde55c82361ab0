import { randomBytes } from 'node:crypto';
import { constants } from 'node:fs';
import { link, lstat, open, rename, unlink, type FileHandle } from 'node:fs/promises';
import type { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import type { WorkspacePath } from '@caisson/protocol/api';
import type { WrittenFile } from '@caisson/protocol/ports';
import { pathAt } from './descriptor.ts';
import { entryOf } from './entry.ts';
import { isSystemError, systemError } from './file-errors.ts';
import type { Owner } from './owner.ts';
import type { EntryLocation } from './location.ts';

const FILE_MODE = 0o644;
const WRITE_FLAGS = constants.O_WRONLY | constants.O_CREAT | constants.O_EXCL | constants.O_NOFOLLOW;

/**
 * Writes the bytes of `body` to a hidden file beside `location`, which gets the name of `location` once all have arrived.
 * A link of that name is replaced, not followed. If it fails, nothing is left and what was there before stays.
 * @throws system errors; EISDIR if a directory is there
 */
export async function writeRegularFile(
  location: EntryLocation,
  path: WorkspacePath,
  body: Readable,
  owner: Owner,
  signal: AbortSignal,
): Promise<WrittenFile> {
  const { parent, name } = location;
  await refuseDirectory(location);
  const temporary = pathAt(parent, Buffer.from(`.caisson-${randomBytes(16).toString('hex')}.tmp`));
  await using stack = new AsyncDisposableStack();
  // Root's own until it is whole, so that no process in the sandbox can hold it open for writing.
  const file = stack.use(await open(temporary, WRITE_FLAGS, 0o600));
  stack.defer(async () => removeIfThere(temporary));
  await pipeline(body, async (chunks: AsyncIterable<Buffer>) => file.writeFile(chunks), { signal });
  await handOver(file, owner);
  const stats = await file.stat();
  const replaced = await moveInto(pathAt(parent, name), temporary);
  return { entry: entryOf(path, stats), replaced };
}

/**
 * Gives the file `temporary` the name `target`, in one step; returns whether that name was taken. Only a link fails
 * where the name is taken, so it is tried first. A name that is deleted between the two calls still counts as taken.
 */
async function moveInto(target: Buffer, temporary: Buffer): Promise<boolean> {
  try {
    await link(temporary, target);
    return false;
  } catch (error) {
    // A process in the sandbox put a directory in place of the hidden file.
    if (isSystemError(error, 'EPERM')) throw systemError('EBUSY', 'the file was swapped for a directory');
    if (!isSystemError(error, 'EEXIST')) throw error;
  }
  await rename(temporary, target);
  return true;
}

async function refuseDirectory({ parent, name }: EntryLocation): Promise<void> {
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

/** After a rename it is gone. What a process in the sandbox gave this name to is removed all the same. */
async function removeIfThere(path: Buffer): Promise<void> {
  try {
    await unlink(path);
  } catch (error) {
    if (!isSystemError(error, 'ENOENT', 'EISDIR')) throw error;
  }
}
