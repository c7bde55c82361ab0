import { mkdirSync, readFileSync, statfsSync } from 'node:fs';
import { availableParallelism } from 'node:os';
import type { Cgroups } from '../../cgroups/cgroup.ts';

/** Resources of this machine that this server may use. */
export interface HostFigures {
  readonly memoryBytes: number;
  readonly cores: number;
  readonly pids: number;
  /** Limit of open file descriptors of this process. */
  readonly descriptors: number;
  /** Space on the file system that holds workspaces; `undefined` if they cannot be kept on disk. */
  readonly disk: DiskSpace | undefined;
}

export interface DiskSpace {
  readonly totalBytes: number;
  readonly availableBytes: number;
}

/** @param diskDirectory where workspaces on disk are kept; `undefined` if they cannot be */
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
    // At most half of the open files of the whole machine.
    descriptors: Math.min(
      parseDescriptorLimit(readFileSync('/proc/self/limits', 'utf8')),
      readNumber('/proc/sys/fs/file-max') / 2,
    ),
    disk: diskDirectory === undefined ? undefined : readDiskSpace(diskDirectory),
  };
}

/** Space on the file system of `directory`, which is created if missing. */
export function readDiskSpace(directory: string): DiskSpace {
  mkdirSync(directory, { recursive: true, mode: 0o700 });
  const { bsize, blocks, bavail } = statfsSync(directory);
  return { totalBytes: bsize * blocks, availableBytes: bsize * bavail };
}

/** The soft limit of open files, from the text of /proc/self/limits. */
export function parseDescriptorLimit(text: string): number {
  const limit = /^Max open files +(\S+)/m.exec(text)?.[1];
  return limit === undefined || limit === 'unlimited' ? Infinity : Number(limit);
}
