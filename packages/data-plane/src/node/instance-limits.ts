import { Cgroup } from '../cgroups/cgroup.ts';
import type { CgroupLayout } from '../cgroups/cgroup-layout.ts';
import type { Amounts } from './amounts.ts';

/**
 * Bounds all sandboxes of this server together: what they use of memory and processes is never more than `total`, whatever was
 * promised to each, so that the server itself and the rest of the machine never lack either.
 * @param path of the cgroup that all sandboxes lie below
 * @throws Error if this machine does not take the limits
 */
export function limitInstance(layout: CgroupLayout, path: string, total: Amounts): void {
  const cgroup = new Cgroup(layout, path);
  cgroup.make(['memory', 'pids']);
  const memory = String(total.memoryBytes);
  const limited = [
    cgroup.write('memory', cgroup.isV2 ? 'memory.max' : 'memory.limit_in_bytes', memory),
    cgroup.write('pids', 'pids.max', String(total.pids)),
  ];
  if (!limited.every(Boolean)) throw new Error(`the cgroup ${path} takes no limits of memory and processes`);
  // Not on every host: without swap accounting, or without swap, there is nothing to forbid.
  if (cgroup.isV2) cgroup.write('memory', 'memory.swap.max', '0');
  else cgroup.write('memory', 'memory.memsw.limit_in_bytes', memory);
}
