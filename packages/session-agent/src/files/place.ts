import type { FileHandle } from 'node:fs/promises';
import { bytesOfName, type WorkspacePath } from '@caisson/protocol';
import type { FileName } from './descriptor.ts';
import { systemError } from './file-errors.ts';
import { walk, type Start } from './walk.ts';

/** Where an entry is, or will be: its name in a directory that is pinned. */
export interface Place extends AsyncDisposable {
  readonly parent: FileHandle;
  readonly name: FileName;
}

/**
 * The place of `path`, whose last component is not looked at; a link there is not followed.
 * @throws what `walk` throws; EISDIR for the workspace itself, which has no place in it
 */
export async function findPlace(start: Start, path: WorkspacePath, signal: AbortSignal): Promise<Place> {
  if (path === '') throw systemError('EISDIR', 'the workspace itself');
  const cut = path.lastIndexOf('/');
  const parentPath = path.slice(0, Math.max(cut, 0)) as WorkspacePath;
  const parent = await walkToDirectory(start, parentPath, signal);
  const name = bytesOfName(path.slice(cut + 1));
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
