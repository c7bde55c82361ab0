import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { instanceOf } from './leftovers.ts';

const ROOT = '/sys/fs/cgroup';
const IS_V2 = existsSync(join(ROOT, 'cgroup.controllers'));

/** Limits of a cgroup, read on the host; `null` for no limit. */
export interface HostLimits {
  readonly memoryBytes: number | null;
  /** Limit of memory and swap together: the same as for memory if swap is forbidden; `null` if swap is not counted. */
  readonly memoryAndSwapBytes: number | null;
  /** CPU time per period, both in microseconds. */
  readonly cpu: readonly [quota: number, period: number] | null;
  readonly pids: number | null;
  /** Limit for socket buffers; `null` if they count as memory. */
  readonly socketBytes: number | null;
}

/** @param path below the cgroup of the data plane with this state directory */
export function hostLimitsOf(stateDirectory: string, path: string): HostLimits {
  const read = (controller: string, name: string) => readCgroup(stateDirectory, controller, path, name);
  if (IS_V2) {
    const memoryBytes = limitOf(read('memory', 'memory.max'));
    const swapBytes = limitOf(read('memory', 'memory.swap.max'));
    const [quota, period] = (read('cpu', 'cpu.max') ?? 'max').split(' ').map(Number);
    return {
      memoryBytes,
      memoryAndSwapBytes: memoryBytes === null || swapBytes === null ? null : memoryBytes + swapBytes,
      cpu: quota === undefined || period === undefined || Number.isNaN(quota) ? null : [quota, period],
      pids: limitOf(read('pids', 'pids.max')),
      socketBytes: null,
    };
  }
  const quota = Number(read('cpu', 'cpu.cfs_quota_us'));
  return {
    memoryBytes: limitOf(read('memory', 'memory.limit_in_bytes')),
    memoryAndSwapBytes: limitOf(read('memory', 'memory.memsw.limit_in_bytes')),
    cpu: quota > 0 ? [quota, Number(read('cpu', 'cpu.cfs_period_us'))] : null,
    pids: limitOf(read('pids', 'pids.max')),
    socketBytes: limitOf(read('memory', 'memory.kmem.tcp.limit_in_bytes')),
  };
}

/** Whether this host counts socket buffers separately, and whether it counts swap. */
export function countsApart(): { readonly sockets: boolean; readonly swap: boolean } {
  const name = IS_V2 ? 'memory.swap.max' : 'memory.memsw.limit_in_bytes';
  const below = join(ROOT, IS_V2 ? '' : 'memory', 'caisson');
  return { sockets: !IS_V2, swap: existsSync(join(below, name)) };
}

/** Cgroups below that of the data plane, as paths relative to it. */
export function hostCgroupsOf(stateDirectory: string): string[] {
  const directory = directoryOf(stateDirectory, 'pids');
  return readdirSync(directory, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isDirectory())
    .map((entry) => join(entry.parentPath, entry.name).slice(directory.length + 1));
}

/** Host pids of the processes in one of these cgroups. */
export function hostPidsOf(stateDirectory: string, path: string): number[] {
  const text = readCgroup(stateDirectory, 'pids', path, 'cgroup.procs') ?? '';
  return text.split('\n').filter(Boolean).map(Number);
}

function readCgroup(
  stateDirectory: string,
  controller: string,
  path: string,
  name: string,
): string | undefined {
  const file = join(directoryOf(stateDirectory, controller), path, name);
  return existsSync(file) ? readFileSync(file, 'utf8').trim() : undefined;
}

function directoryOf(stateDirectory: string, controller: string): string {
  return join(ROOT, IS_V2 ? '' : controller, 'caisson', instanceOf(stateDirectory));
}

/** No limit reads as `max` on v2, and as a number beyond all memory on v1. */
function limitOf(text: string | undefined): number | null {
  const value = Number(text ?? 'max');
  return Number.isNaN(value) || value > 2 ** 60 ? null : value;
}
