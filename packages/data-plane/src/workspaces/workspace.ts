import { mkdirSync, rmdirSync } from 'node:fs';
import { tmpfsLimits } from '../limits/memory-file-systems.ts';
import { mountOnDisk } from './disk/disk-workspaces.ts';
import type { DiskWorkspace, Mounts } from './disk/disk-workspaces.ts';

/**
 * Mounts a file system for one sandbox. It is mounted by the host, so that files can be written to it as the sandbox's user, and
 * it lasts as long as the sandbox is lent. Disposing unmounts it.
 * @param workspace.path an absolute path of the namespace that does not exist yet
 * @param workspace.diskDirectory holds its image; `undefined` for a workspace in memory
 */
export async function mountWorkspace(
  mounts: Mounts,
  workspace: DiskWorkspace & { readonly diskDirectory: string | undefined },
): Promise<AsyncDisposable> {
  const { path, diskDirectory } = workspace;
  const hostPath = mounts.resolve(path);
  mkdirSync(hostPath, { mode: 0o711 });
  const unmount = async () => {
    // Callers may still be reading files; the space is freed when the last one is closed.
    await mounts.unmount(path);
    removeIfThere(hostPath);
  };
  try {
    if (diskDirectory === undefined) await mountInMemory(mounts, workspace);
    else await mountOnDisk(mounts, diskDirectory, workspace);
  } catch (error) {
    // It is unknown whether anything was mounted, so the unmount may fail; only the directory must go.
    await unmount().catch(() => {
      removeIfThere(hostPath);
    });
    throw error;
  }
  let gone: Promise<void> | undefined;
  return { [Symbol.asyncDispose]: async () => (gone ??= unmount()) };
}

/** Once the namespace has ended, the directory is gone too. */
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
