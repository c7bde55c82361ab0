import {
  closeSync,
  constants,
  mkdirSync,
  openSync,
  readFileSync,
  rmdirSync,
  rmSync,
  statfsSync,
} from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { fileCount, imageBytes } from './image-size.ts';

const MOUNT_PROGRAM = fileURLToPath(new URL('mount_disk.py', import.meta.url));
const MOUNT_TIMEOUT_MS = 60_000;
/** Types of statfs(2): tmpfs, ramfs. */
const IN_MEMORY = [0x0102_1994, 0x8584_58f6];
const PROBE_BYTES = 2 ** 20;

/** The mount namespace that workspaces are mounted in. */
export interface Mounts {
  /** Path by which this process sees a path of the namespace. */
  resolve(path: string): string;
  mountTmpfs(path: string, options: readonly string[]): Promise<void>;
  unmount(path: string): Promise<void>;
  /** Runs a program in the namespace; `files` become its descriptors from 0 on. */
  start(
    argv: readonly string[],
    files: readonly { readonly fd: number; readonly flags: number }[],
  ): Promise<{ readonly exited: Promise<number>; readonly kill: () => void }>;
}

export interface DiskWorkspace {
  /** A directory of the namespace with nothing mounted on it. */
  readonly path: string;
  readonly sizeBytes: number;
  readonly owner: { readonly uid: number; readonly gid: number };
}

/**
 * Mounts a file system with room for `sizeBytes` on the disk of `directory`. Its image has no name: however this process ends,
 * its blocks are free once the mount is gone.
 * @param directory created if missing, and stays empty
 * @throws Error with the cause, such as a full disk; something may be mounted even then
 */
export async function mountOnDisk(
  mounts: Mounts,
  directory: string,
  workspace: DiskWorkspace,
): Promise<void> {
  const { path, sizeBytes, owner } = workspace;
  mkdirSync(directory, { recursive: true, mode: 0o700 });
  const logPath = `${mounts.resolve(path)}.log`;
  const log = openSync(logPath, 'w', 0o600);
  try {
    const numbers = [imageBytes(sizeBytes), fileCount(sizeBytes), owner.uid, owner.gid];
    const program = await mounts.start(
      ['/usr/bin/python3', '-I', '-S', '-u', MOUNT_PROGRAM, path, directory, ...numbers.map(String)],
      [0, 1, 2].map(() => ({ fd: log, flags: constants.O_WRONLY | constants.O_APPEND })),
    );
    const timer = setTimeout(program.kill, MOUNT_TIMEOUT_MS);
    const code = await program.exited.finally(() => {
      clearTimeout(timer);
    });
    if (code === 0) return;
    const lastLine = readFileSync(logPath, 'utf8').trim().split('\n').at(-1) ?? '';
    throw new Error(`cannot create a workspace on disk (${code}): ${lastLine.slice(0, 500)}`);
  } finally {
    closeSync(log);
    rmSync(logPath, { force: true });
  }
}

/** Why workspaces cannot be kept on the disk of `directory`, and how to fix it; `undefined` if they can. */
export async function whyNotOnDisk(
  mounts: Mounts & { readonly directory: string },
  directory: string,
): Promise<string | undefined> {
  const path = join(mounts.directory, 'disk-probe');
  mkdirSync(mounts.resolve(path));
  try {
    mkdirSync(directory, { recursive: true, mode: 0o700 });
    if (IN_MEMORY.includes(statfsSync(directory).type))
      throw new Error(`${directory} is a file system in memory`);
    await mountOnDisk(mounts, directory, { path, sizeBytes: PROBE_BYTES, owner: { uid: 0, gid: 0 } });
    return undefined;
  } catch (error) {
    return (
      'workspaces can only lie in memory, so large ones are refused: install the package e2fsprogs, allow loop devices, and ' +
      `choose a directory for workspaces on a file system that supports O_TMPFILE and fallocate: ${(error as Error).message}`
    );
  } finally {
    await mounts.unmount(path).catch(() => undefined);
    rmdirSync(mounts.resolve(path));
  }
}
