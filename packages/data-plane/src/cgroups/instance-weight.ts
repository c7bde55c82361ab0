import { availableParallelism } from 'node:os';
import type { Cgroups } from './cgroup.ts';

const PROCESSES_PER_CORE = 2;

/**
 * Lets all below the cgroup `path` weigh as much as two busy processes of the host for each core. By default they would weigh as
 * one alone; with much more, busy sandboxes would keep this very process, which has to end them, from running.
 */
export function weighInstance(cgroups: Cgroups, path: string): void {
  const names = path.split('/').filter((name) => name !== '');
  for (let depth = 1; depth <= names.length; depth++) {
    const cgroup = cgroups.at(`/${names.slice(0, depth).join('/')}`);
    cgroup.make();
    cgroup.setCpuWeight(PROCESSES_PER_CORE * availableParallelism());
  }
}
