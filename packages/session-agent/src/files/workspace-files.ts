import { statSync } from 'node:fs';
import type { FileHandle } from 'node:fs/promises';
import { CaissonError } from '@caisson/protocol/api';
import type { Files } from '@caisson/protocol/ports';
import { deleteEntry } from './delete-entry.ts';
import { pinHostDirectory } from './descriptor.ts';
import { entryOf } from './entry.ts';
import { isSystemError, withFileErrors } from './file-errors.ts';
import { listDirectory } from './list-directory.ts';
import { makeDirectory } from './make-directory.ts';
import type { Owner } from './owner.ts';
import { locateEntry, walkToDirectory } from './location.ts';
import { readRegularFile } from './read-file.ts';
import { walk } from './walk.ts';
import { writeRegularFile } from './write-file.ts';

/**
 * The files of one workspace, accessed from the host. A link in the last component is followed by `stat`, `list` and `read`,
 * replaced by `write` and removed by `delete`. The workspace itself cannot be deleted: `is_a_directory`.
 * @param options.root the workspace's directory, an absolute path of the host; it must exist
 * @param options.owner host ids that the sandbox's user maps to
 * @param options.id the sandbox's id in errors
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
        // It may fail before it is read; without a listener, that would end the process. The read then fails too.
        body.on('error', () => undefined);
        await using location = await locateEntry(making, path, signal);
        return await writeRegularFile(location, path, body, owner, signal);
      }),
    delete: async (path, signal) =>
      withFileErrors(path, async () => {
        await using location = await locateEntry({ openRoot }, path, signal);
        await deleteEntry(location, signal);
      }),
  };
}

/** Opens `root` as long as it is the same directory as now, and not the mount point of a workspace that is gone. */
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
