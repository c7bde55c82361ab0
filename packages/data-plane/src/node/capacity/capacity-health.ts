import type { CapacityFigures, NodeCapacity } from '@caisson/protocol/ports';
import type { Amounts } from './amounts.ts';
import type { Capacity } from './capacity.ts';

/** Capacity figures for the health report. @param used current use by all sandboxes together */
export function capacityHealth(
  { total, promisable, maximum }: Capacity,
  promised: Amounts,
  used: { readonly memoryBytes: number; readonly pids: number },
): NodeCapacity {
  const figures = (name: keyof Amounts, inUse: number | null): CapacityFigures => ({
    total: total[name],
    promisable: promisable[name],
    promised: promised[name],
    used: inUse,
  });
  return {
    memoryBytes: figures('memoryBytes', used.memoryBytes),
    // Disk space is allocated in full when it is promised.
    diskBytes: figures('diskBytes', promised.diskBytes),
    cpuMillicores: figures('cpuMillicores', null),
    pids: figures('pids', used.pids),
    descriptors: figures('descriptors', null),
    maximum,
  };
}
