import { mkdirSync, readFileSync, statfsSync } from 'node:fs';
import { availableParallelism } from 'node:os';
import { dirname } from 'node:path';
import { cgroupDirectory } from '../cgroups/cgroup-layout.ts';
import type { CgroupLayout } from '../cgroups/cgroup-layout.ts';
import { Cgroup } from '../cgroups/cgroup.ts';

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
export function readHostFigures(layout: CgroupLayout, diskDirectory: string | undefined): HostFigures {
  const memory = /^MemTotal: *(\d+) kB$/m.exec(readFileSync('/proc/meminfo', 'utf8'))?.[1];
  const own = parseOwnCgroups(readFileSync('/proc/self/cgroup', 'utf8'), layout.version === 'v2');
  const limit = (controller: string, name: string) => leastLimit(layout, controller, own(controller), name);
  const readNumber = (path: string) => Number(readFileSync(path, 'utf8'));
  return {
    memoryBytes: Math.min(
      Number(memory ?? 0) * 1024,
      limit('memory', layout.version === 'v2' ? 'memory.max' : 'memory.limit_in_bytes'),
    ),
    cores: availableParallelism(),
    pids: Math.min(
      readNumber('/proc/sys/kernel/pid_max'),
      readNumber('/proc/sys/kernel/threads-max'),
      limit('pids', 'pids.max'),
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

/** Path of this process's cgroup by controller, from the text of /proc/self/cgroup; see cgroups(7). */
export function parseOwnCgroups(text: string, isV2: boolean): (controller: string) => string {
  const paths = new Map<string, string>();
  for (const line of text.split('\n')) {
    const [, , names, path] = /^(\d+):([^:]*):(.*)$/.exec(line) ?? [];
    for (const name of names?.split(',') ?? []) paths.set(name, path ?? '/');
  }
  return (controller) => paths.get(isV2 ? '' : controller) ?? '/';
}

/** From the text of /proc/self/limits: the soft limit of open files. */
export function parseDescriptorLimit(text: string): number {
  const limit = /^Max open files +(\S+)/m.exec(text)?.[1];
  return limit === undefined || limit === 'unlimited' ? Infinity : Number(limit);
}

/** The lowest limit of a cgroup and of those above it; infinite where none limits. */
function leastLimit(layout: CgroupLayout, controller: string, path: string, name: string): number {
  if (cgroupDirectory(layout, controller, path) === undefined) return Infinity;
  const value = Number(new Cgroup(layout, path).read(controller, name)?.trim());
  // No file at the root of a hierarchy, and `max` where there is no limit.
  const own = Number.isNaN(value) ? Infinity : value;
  return path === '/' || path === '.'
    ? own
    : Math.min(own, leastLimit(layout, controller, dirname(path), name));
}
