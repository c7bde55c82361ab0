import { statSync } from 'node:fs';
import type { FileHandle } from 'node:fs/promises';
import { CaissonError, type Files } from '@caisson/protocol';
import { deleteEntry } from './delete-entry.ts';
import { pinHostDirectory } from './descriptor.ts';
import { entryOf } from './entry.ts';
import { isSystemError, withFileErrors } from './file-errors.ts';
import { listDirectory } from './list-directory.ts';
import { makeDirectory } from './make-directory.ts';
import type { Owner } from './owner.ts';
import { findPlace, walkToDirectory } from './place.ts';
import { readRegularFile } from './read-file.ts';
import { walk } from './walk.ts';
import { writeRegularFile } from './write-file.ts';

/**
 * The files of one workspace, reached from the host. A link in the last place is followed by `stat`, `list` and `read`;
 * `write` replaces it and `delete` removes it. The workspace itself cannot be deleted: `is_a_directory`.
 * @param options.root the workspace's directory, an absolute path of the host; it must be there
 * @param options.owner host ids that the sandbox's user maps to
 * @param options.id what the sandbox is called in errors
 */
export function createWorkspaceFiles(options: { root: string; owner: Owner; id?: string }): Files {
  const { owner } = options;
  const openRoot = rootOpener(options.root, options.id ?? 'unknown');
  const making = {
    openRoot,
    makeDirectory: async (parent: FileHandle, name: Buffer) => makeDirectory(parent, name, owner),
  };
  return {
    stat: async (path, signal) =>
      withFileErrors(path, async () => {
        await using entry = await walk({ openRoot }, path, signal);
        return entryOf(path, await entry.stat());
      }),
    list: async (path, page, signal) =>
      withFileErrors(path, async () => {
        await using directory = await walkToDirectory({ openRoot }, path, signal);
        return await listDirectory(directory, path, page, signal);
      }),
    read: async (path, signal) =>
      withFileErrors(path, async () => {
        await using entry = await walk({ openRoot }, path, signal);
        return await readRegularFile(entry, path, signal);
      }),
    write: async (path, body, signal) =>
      withFileErrors(path, async () => {
        // It may fail before it is read, which without a listener would end the process; the read fails then too.
        body.on('error', () => undefined);
        await using place = await findPlace(making, path, signal);
        return await writeRegularFile(place, path, body, owner, signal);
      }),
    delete: async (path, signal) =>
      withFileErrors(path, async () => {
        await using place = await findPlace({ openRoot }, path, signal);
        await deleteEntry(place, signal);
      }),
  };
}

/** Opens `root`, as long as it is the directory that it is now, and not the mount point below a workspace that is gone. */
function rootOpener(root: string, id: string): () => Promise<FileHandle> {
  const { dev, ino } = statSync(root, { bigint: true });
  return async () => {
    await using stack = new AsyncDisposableStack();
    try {
      const handle = stack.use(await pinHostDirectory(root));
      const stats = await handle.stat({ bigint: true });
      if (stats.dev !== dev || stats.ino !== ino) throw new CaissonError('sandbox_lost', { id });
      stack.move();
      return handle;
    } catch (error) {
      if (!isSystemError(error, 'ENOENT', 'ENOTDIR', 'ESRCH')) throw error;
      throw new CaissonError('sandbox_lost', { id }, { cause: error });
    }
  };
}
