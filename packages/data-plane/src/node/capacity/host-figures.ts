import { mkdirSync, readFileSync, statfsSync } from 'node:fs';
import { availableParallelism } from 'node:os';
import type { Cgroups } from '../../cgroups/cgroup.ts';

/** What this machine has, as far as this server may use it. */
export interface HostFigures {
  readonly memoryBytes: number;
  readonly cores: number;
  readonly pids: number;
  /** Open files that this process may have. */
  readonly descriptors: number;
  /** Of the file system that workspaces on disk lie on; `undefined` where they cannot lie there. */
  readonly disk: DiskSpace | undefined;
}

export interface DiskSpace {
  readonly totalBytes: number;
  readonly availableBytes: number;
}

/** @param diskDirectory where workspaces on disk lie, if they can */
export function readHostFigures(
  cgroups: Pick<Cgroups, 'ownLimits'>,
  diskDirectory: string | undefined,
): HostFigures {
  const memory = /^MemTotal: *(\d+) kB$/m.exec(readFileSync('/proc/meminfo', 'utf8'))?.[1];
  const limits = cgroups.ownLimits();
  const readNumber = (path: string) => Number(readFileSync(path, 'utf8'));
  return {
    memoryBytes: Math.min(Number(memory ?? 0) * 1024, limits.memoryBytes),
    cores: availableParallelism(),
    pids: Math.min(
      readNumber('/proc/sys/kernel/pid_max'),
      readNumber('/proc/sys/kernel/threads-max'),
      limits.pids,
    ),
    // Of the files of the whole machine at most half.
    descriptors: Math.min(
      parseDescriptorLimit(readFileSync('/proc/self/limits', 'utf8')),
      readNumber('/proc/sys/fs/file-max') / 2,
    ),
    disk: diskDirectory === undefined ? undefined : readDiskSpace(diskDirectory),
  };
}

/** The space of the file system that `directory` lies on, which is made if it is not there. */
export function readDiskSpace(directory: string): DiskSpace {
  mkdirSync(directory, { recursive: true, mode: 0o700 });
  const { bsize, blocks, bavail } = statfsSync(directory);
  return { totalBytes: bsize * blocks, availableBytes: bsize * bavail };
}

/** From the text of /proc/self/limits: the soft limit of open files. */
export function parseDescriptorLimit(text: string): number {
  const limit = /^Max open files +(\S+)/m.exec(text)?.[1];
  return limit === undefined || limit === 'unlimited' ? Infinity : Number(limit);
}
