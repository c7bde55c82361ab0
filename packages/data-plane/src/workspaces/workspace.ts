import { mkdirSync, rmdirSync } from 'node:fs';
import { tmpfsLimits } from '../limits/memory-file-systems.ts';
import { mountOnDisk } from './disk/disk-workspaces.ts';
import type { DiskWorkspace, Mounts } from './disk/disk-workspaces.ts';

/**
 * A file system for one sandbox, mounted by the host, so that files can be put into it as the sandbox's user and are there
 * as long as the sandbox is lent. Disposing unmounts it.
 * @param workspace.path an absolute path of the namespace that does not exist yet
 * @param workspace.diskDirectory where it lies; `undefined`: in memory
 */
export async function mountWorkspace(
  mounts: Mounts,
  workspace: DiskWorkspace & { readonly diskDirectory: string | undefined },
): Promise<AsyncDisposable> {
  const { path, diskDirectory } = workspace;
  const seen = mounts.resolve(path);
  mkdirSync(seen, { mode: 0o711 });
  const unmount = async () => {
    // A caller may still read a file of it; its space is given back when the last one is closed.
    await mounts.unmount(path);
    removeIfThere(seen);
  };
  try {
    if (diskDirectory === undefined) await mountInMemory(mounts, workspace);
    else await mountOnDisk(mounts, diskDirectory, workspace);
  } catch (error) {
    // Whether it was made in the end is not known: both are tried, and only the directory must go.
    await unmount().catch(() => {
      removeIfThere(seen);
    });
    throw error;
  }
  let gone: Promise<void> | undefined;
  return { [Symbol.asyncDispose]: async () => (gone ??= unmount()) };
}

/** Where the namespace has ended, so has all that was in it. */
function removeIfThere(directory: string): void {
  try {
    rmdirSync(directory);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ENOENT') throw error;
  }
}

async function mountInMemory(mounts: Mounts, { path, sizeBytes, owner }: DiskWorkspace): Promise<void> {
  await mounts.mountTmpfs(path, [
    ...tmpfsLimits(sizeBytes),
    'mode=0755',
    `uid=${owner.uid}`,
    `gid=${owner.gid}`,
    'nosuid',
    'nodev',
  ]);
}
