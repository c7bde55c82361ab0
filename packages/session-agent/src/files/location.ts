import type { FileHandle } from 'node:fs/promises';
import type { WorkspacePath } from '@caisson/protocol/api';
import { bytesOfName } from '@caisson/protocol/ports';
import type { FileName } from './descriptor.ts';
import { systemError } from './file-errors.ts';
import { walk, type Start } from './walk.ts';

/** Where an entry is, or will be: its name in a pinned directory. */
export interface EntryLocation extends AsyncDisposable {
  readonly parent: FileHandle;
  readonly name: FileName;
}

/**
 * The location of `path`. The last component need not exist, and is not followed if it is a link.
 * @throws what `walk` throws; EISDIR for the workspace itself, which cannot be replaced or deleted
 */
export async function locateEntry(
  start: Start,
  path: WorkspacePath,
  signal: AbortSignal,
): Promise<EntryLocation> {
  if (path === '') throw systemError('EISDIR', 'the workspace itself');
  const cut = path.lastIndexOf('/');
  const parentPath = path.slice(0, Math.max(cut, 0)) as WorkspacePath;
  const parent = await walkToDirectory(start, parentPath, signal);
  const name = Buffer.from(bytesOfName(path.slice(cut + 1)));
  return { parent, name, [Symbol.asyncDispose]: async () => parent.close() };
}

/** As `walk`, with ENOTDIR where it leads to something else. */
export async function walkToDirectory(
  start: Start,
  path: WorkspacePath,
  signal: AbortSignal,
): Promise<FileHandle> {
  await using stack = new AsyncDisposableStack();
  const handle = stack.use(await walk(start, path, signal));
  if (!(await handle.stat()).isDirectory()) throw systemError('ENOTDIR', 'not a directory');
  stack.move();
  return handle;
}
