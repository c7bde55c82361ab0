import { mkdirSync, rmdirSync } from 'node:fs';
import { tmpfsLimits } from '../limits/memory-file-systems.ts';

/** The mount namespace that workspaces are mounted in. */
interface Mounts {
  /** Where a path of the namespace is seen from this process. */
  resolve(path: string): string;
  mountTmpfs(path: string, options: readonly string[]): Promise<void>;
  unmount(path: string): Promise<void>;
}

/**
 * A file system in memory for one sandbox, mounted by the host, so that files can be put into it as the sandbox's user
 * and are there as long as the sandbox is lent. Disposing unmounts it.
 * @param workspace.path an absolute path of the namespace that does not exist yet
 */
export async function mountWorkspace(
  mounts: Mounts,
  workspace: { path: string; sizeBytes: number; owner: { uid: number; gid: number } },
): Promise<AsyncDisposable> {
  const { path, sizeBytes, owner } = workspace;
  const seen = mounts.resolve(path);
  mkdirSync(seen, { mode: 0o711 });
  const options = [
    ...tmpfsLimits(sizeBytes),
    'mode=0755',
    `uid=${owner.uid}`,
    `gid=${owner.gid}`,
    'nosuid',
    'nodev',
  ];
  const unmount = async () => {
    // A caller may still read a file of it; the memory is given back when the last one is closed.
    await mounts.unmount(path);
    removeIfThere(seen);
  };
  try {
    await mounts.mountTmpfs(path, options);
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
