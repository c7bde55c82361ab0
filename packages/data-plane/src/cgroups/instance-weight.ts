import { availableParallelism } from 'node:os';
import type { Cgroups } from './cgroup.ts';

const PROCESSES_PER_CORE = 2;

/**
 * Gives the cgroup `path` the CPU weight of two busy processes of the host per core. By default all sandboxes together would
 * weigh as much as one process; with a much higher weight, busy sandboxes would starve this process, which has to end them.
 */
export function weighInstance(cgroups: Cgroups, path: string): void {
  const names = path.split('/').filter((name) => name !== '');
  for (let depth = 1; depth <= names.length; depth++) {
    const cgroup = cgroups.at(`/${names.slice(0, depth).join('/')}`);
    cgroup.make();
    cgroup.setCpuWeight(PROCESSES_PER_CORE * availableParallelism());
  }
}
