import { readdirSync, readFileSync, readlinkSync } from 'node:fs';
import { join } from 'node:path';
import { isWithin, listProcesses, withDescendants } from './processes.ts';

/** Resources of the host that a server holds at one moment. */
export interface Footprint {
  readonly serverRssMib: number;
  readonly descriptors: number;
  readonly processes: number;
  readonly mounts: number;
  readonly cgroups: number;
}

/** @param cgroup path of the parent cgroup of the server's sandboxes, in every hierarchy */
export function readFootprint(serverPid: number, cgroup: string): Footprint {
  const all = listProcesses();
  const ours = new Set([
    ...withDescendants(all, serverPid),
    ...all.filter((process) => isWithin(process.cgroup, cgroup)),
  ]);
  const pids = [...ours].map(({ pid }) => pid);
  const rss = /^VmRSS:\s+(\d+) kB$/m.exec(readFileSync(`/proc/${serverPid}/status`, 'utf8'))?.[1];
  return {
    serverRssMib: Number(rss) / 1024,
    descriptors: readdirSync(`/proc/${serverPid}/fd`).length,
    processes: pids.length,
    mounts: countMounts(pids),
    cgroups: cgroupMountPoints().reduce(
      (sum, mountPoint) => sum + countDirectories(join(mountPoint, cgroup)),
      0,
    ),
  };
}

/** Mounts in all mount namespaces that the processes are in. */
function countMounts(pids: readonly number[]): number {
  const counts = new Map<string, number>();
  for (const pid of pids) {
    try {
      const namespace = readlinkSync(`/proc/${pid}/ns/mnt`);
      if (counts.has(namespace)) continue;
      counts.set(namespace, readFileSync(`/proc/${pid}/mountinfo`, 'utf8').trimEnd().split('\n').length);
    } catch {
      // It has ended in the meantime.
    }
  }
  return [...counts.values()].reduce((sum, count) => sum + count, 0);
}

function cgroupMountPoints(): string[] {
  return readFileSync('/proc/self/mountinfo', 'utf8')
    .split('\n')
    .filter((line) => / - cgroup2? /.test(line))
    .map((line) => line.split(' ')[4] ?? '/');
}

function countDirectories(path: string): number {
  try {
    return readdirSync(path, { withFileTypes: true })
      .filter((entry) => entry.isDirectory())
      .reduce((sum, entry) => sum + countDirectories(join(path, entry.name)), 1);
  } catch {
    return 0;
  }
}
