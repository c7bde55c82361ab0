import { availableParallelism } from 'node:os';
import { Cgroup } from './cgroup.ts';
import type { CgroupLayout } from './cgroup-layout.ts';

/** What a process outside of all cgroups weighs, in the terms of each version. */
const ONE_PROCESS = { v1: 1024, v2: 100 };
const PROCESSES_PER_CORE = 2;

/**
 * Lets all below the cgroup `path` weigh as much as two busy processes of the host for each core. By default they would weigh as
 * one alone; with much more, busy sandboxes would keep this very process, which has to end them, from running.
 */
export function setCpuWeight(layout: CgroupLayout, path: string): void {
  const names = path.split('/').filter((name) => name !== '');
  const processes = PROCESSES_PER_CORE * availableParallelism();
  for (let depth = 1; depth <= names.length; depth++) {
    const cgroup = new Cgroup(layout, `/${names.slice(0, depth).join('/')}`);
    cgroup.make(['cpu']);
    // On v2 the file is there once the controller is passed on; without it the default holds.
    if (cgroup.isV2) cgroup.write('cpu', 'cpu.weight', String(Math.min(10_000, ONE_PROCESS.v2 * processes)));
    else cgroup.write('cpu', 'cpu.shares', String(ONE_PROCESS.v1 * processes));
  }
}
