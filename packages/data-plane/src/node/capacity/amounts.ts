/** Resources of a machine, as one sandbox, cell or runner takes them. */
export interface Amounts {
  /** Memory of processes and of files in memory. */
  readonly memoryBytes: number;
  /** Space on the file system that holds workspaces on disk. */
  readonly diskBytes: number;
  readonly cpuMillicores: number;
  /** Processes and threads. */
  readonly pids: number;
  /** Open file descriptors of this server. */
  readonly descriptors: number;
}

export type ResourceName = 'memory' | 'disk' | 'cpu' | 'pids' | 'descriptors';

export const NOTHING: Amounts = { memoryBytes: 0, diskBytes: 0, cpuMillicores: 0, pids: 0, descriptors: 0 };

export function sum(one: Amounts, other: Amounts): Amounts {
  return {
    memoryBytes: one.memoryBytes + other.memoryBytes,
    diskBytes: one.diskBytes + other.diskBytes,
    cpuMillicores: one.cpuMillicores + other.cpuMillicores,
    pids: one.pids + other.pids,
    descriptors: one.descriptors + other.descriptors,
  };
}

export function difference(one: Amounts, other: Amounts): Amounts {
  return {
    memoryBytes: one.memoryBytes - other.memoryBytes,
    diskBytes: one.diskBytes - other.diskBytes,
    cpuMillicores: one.cpuMillicores - other.cpuMillicores,
    pids: one.pids - other.pids,
    descriptors: one.descriptors - other.descriptors,
  };
}

/** The first resource that `wanted` exceeds `available` in; `undefined` if it fits. */
export function scarceResource(wanted: Amounts, available: Amounts): ResourceName | undefined {
  if (wanted.memoryBytes > available.memoryBytes) return 'memory';
  if (wanted.diskBytes > available.diskBytes) return 'disk';
  if (wanted.cpuMillicores > available.cpuMillicores) return 'cpu';
  if (wanted.pids > available.pids) return 'pids';
  return wanted.descriptors > available.descriptors ? 'descriptors' : undefined;
}
