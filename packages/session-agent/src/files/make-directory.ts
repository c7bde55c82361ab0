import { chmod, chown, mkdir, type FileHandle } from 'node:fs/promises';
import { pathAt, pathOf, pinDirectory, type FileName } from './descriptor.ts';
import { isSystemError } from './file-errors.ts';
import type { Owner } from './owner.ts';

const DIRECTORY_MODE = 0o755;

/** Makes the directory `name` in `parent` for `owner`; an existing one is left as it is. */
export async function makeDirectory(parent: FileHandle, name: FileName, owner: Owner): Promise<void> {
  try {
    await mkdir(pathAt(parent, name), { mode: DIRECTORY_MODE });
  } catch (error) {
    if (isSystemError(error, 'EEXIST')) return;
    throw error;
  }
  // By descriptor: `name` may be a link by now.
  await using made = await pinDirectory(parent, name);
  await chmod(pathOf(made), DIRECTORY_MODE);
  await chown(pathOf(made), owner.uid, owner.gid);
}
