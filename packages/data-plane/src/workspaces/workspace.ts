import { mkdirSync, rmdirSync } from 'node:fs';
import { tmpfsLimits } from '../limits/memory-file-systems.ts';

/** Runs a program in the mount namespace that workspaces are mounted in. */
type RunMount = (
  argv: readonly string[],
  options: { timeoutMs: number; signal?: AbortSignal },
) => Promise<string>;

const MOUNT_TIMEOUT_MS = 10_000;

/**
 * A file system in memory for one sandbox, mounted by the host, so that files can be put into it as the sandbox's user
 * and are there as long as the sandbox is lent. Disposing unmounts it.
 * @param path an absolute path that does not exist yet
 */
export async function mountWorkspace(
  run: RunMount,
  workspace: { path: string; sizeBytes: number; owner: { uid: number; gid: number } },
  signal: AbortSignal,
): Promise<AsyncDisposable> {
  const { path, sizeBytes, owner } = workspace;
  mkdirSync(path, { mode: 0o711 });
  const options = [
    ...tmpfsLimits(sizeBytes),
    'mode=0755',
    `uid=${owner.uid}`,
    `gid=${owner.gid}`,
    'nosuid',
    'nodev',
  ];
  const unmount = async () => {
    // Lazily: a caller may still read a file of it; the memory is given back when the last one is closed.
    await run(['umount', '--lazy', path], { timeoutMs: MOUNT_TIMEOUT_MS });
    rmdirSync(path);
  };
  try {
    await run(['mount', '-t', 'tmpfs', '-o', options.join(','), 'caisson-workspace', path], {
      timeoutMs: MOUNT_TIMEOUT_MS,
      signal,
    });
  } catch (error) {
    // Whether the mount was made before the abort is not known: both are tried, and only the directory must go.
    await unmount().catch(() => {
      rmdirSync(path);
    });
    throw error;
  }
  let gone: Promise<void> | undefined;
  return { [Symbol.asyncDispose]: async () => (gone ??= unmount()) };
}
