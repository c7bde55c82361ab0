import { closeSync, constants, openSync } from 'node:fs';
import { join } from 'node:path';
import type { Resources } from '@caisson/protocol';
import { Cgroup } from '../../cgroups/cgroup.ts';
import { cgroupDirectory } from '../../cgroups/cgroup-layout.ts';
import type { CgroupLayout } from '../../cgroups/cgroup-layout.ts';
import { CPU_PERIOD_US, cpuQuotaUs } from '../../cgroups/cpu-quota.ts';
import { delegateControllers } from '../../cgroups/delegate-controllers.ts';
import { cgroupMemoryBytes } from '../../limits/memory-file-systems.ts';
import { OpenCgroup } from '../../cgroups/open-cgroup.ts';
import { limitSocketMemory } from '../../cgroups/socket-memory.ts';

const CONTROLLERS = ['memory', 'pids', 'cpu', 'cpuacct'];

/** A cgroup that one cell after another uses. */
export interface Slot {
  readonly index: number;
  readonly cgroup: Cgroup;
  /** Its files, which each job reads. */
  readonly counters: OpenCgroup;
}

/**
 * The cgroups of a runner's cells, made once: to make one for each cell would cost more than to fork it. A process enters
 * one by writing `0` to the descriptors of the slot, which are opened here, so that no cgroup is ever mounted in a runner.
 */
export class Slots implements Disposable {
  readonly #all: readonly Slot[];
  readonly #free: Slot[];
  /** The last limits of each, which need not be written again. */
  readonly #limits = new Map<Slot, Resources>();
  readonly #descriptors: readonly (readonly number[])[];

  /** Makes `count` cgroups below `parent`, in every hierarchy that limits or counts something. */
  constructor(layout: CgroupLayout, parent: Cgroup, count: number) {
    delegateControllers(layout, parent.path);
    this.#all = Array.from({ length: count }, (_, index) => {
      const cgroup = new Cgroup(layout, join(parent.path, `cell-${index}`));
      cgroup.make(CONTROLLERS);
      limitSocketMemory(cgroup);
      return { index, cgroup, counters: new OpenCgroup(cgroup) };
    });
    this.#free = [...this.#all];
    const opened: number[][] = [];
    this.#descriptors = opened;
    try {
      for (const { cgroup } of this.#all) opened.push(openEntrances(layout, cgroup));
    } catch (error) {
      this[Symbol.dispose]();
      throw error;
    }
  }

  /** For each slot the descriptors by which a process enters it. */
  get descriptors(): readonly (readonly number[])[] {
    return this.#descriptors;
  }

  get free(): number {
    return this.#free.length;
  }

  /** Takes an empty slot and sets its limits; `undefined` where all are taken. */
  take(resources: Resources): Slot | undefined {
    const slot = this.#free.pop();
    if (slot === undefined || this.#limits.get(slot) === resources) return slot;
    setLimits(slot.cgroup, resources);
    this.#limits.set(slot, resources);
    return slot;
  }

  /** Returns a slot. @throws Error if a process is left in it, or in a cgroup below it */
  giveBack(slot: Slot): void {
    const left = Number(slot.counters.read('pids', 'pids.current') ?? 0);
    if (left > 0) throw new Error(`${left} tasks are left in a cell that is gone`);
    this.#free.push(slot);
  }

  /** Closes the descriptors; the cgroups go with their parent. */
  [Symbol.dispose](): void {
    for (const fd of this.#descriptors.flat()) closeSync(fd);
    for (const { counters } of this.#all) counters[Symbol.dispose]();
  }
}

function openEntrances(layout: CgroupLayout, cgroup: Cgroup): number[] {
  // On v1 `tasks` moves a single thread without the lock that `cgroup.procs` takes, which waits for every fork and exit
  // of the host: 0.05 ms against 15. A child that was just forked has one thread only.
  const entrance = cgroup.isV2 ? 'cgroup.procs' : 'tasks';
  const directories = CONTROLLERS.flatMap((name) => cgroupDirectory(layout, name, cgroup.path) ?? []);
  const opened: number[] = [];
  try {
    for (const directory of new Set(directories)) {
      opened.push(openSync(join(directory, entrance), constants.O_WRONLY));
    }
    return opened;
  } catch (error) {
    for (const fd of opened) closeSync(fd);
    throw error;
  }
}

function setLimits(cgroup: Cgroup, resources: Resources): void {
  const memory = String(cgroupMemoryBytes(resources));
  const quota = Math.round(cpuQuotaUs(resources));
  const written = cgroup.isV2
    ? [
        cgroup.write('memory', 'memory.max', memory),
        cgroup.write('cpu', 'cpu.max', `${quota} ${CPU_PERIOD_US}`),
      ]
    : [
        setMemoryV1(cgroup, memory),
        cgroup.write('cpu', 'cpu.cfs_period_us', String(CPU_PERIOD_US)),
        cgroup.write('cpu', 'cpu.cfs_quota_us', String(quota)),
      ];
  if (!written.every(Boolean) || !cgroup.write('pids', 'pids.max', String(resources.pids))) {
    throw new Error('the limits of a cell could not be set');
  }
  // Not on every host: without swap accounting, or without swap, there is nothing to forbid.
  if (cgroup.isV2) cgroup.write('memory', 'memory.swap.max', '0');
}

/** The limit with swap may never be below the one without, so the order depends on which way they move. */
function setMemoryV1(cgroup: Cgroup, bytes: string): boolean {
  const both = ['memory.memsw.limit_in_bytes', 'memory.limit_in_bytes'];
  const counted = cgroup.read('memory', 'memory.memsw.limit_in_bytes') !== undefined;
  if (!counted) return cgroup.write('memory', 'memory.limit_in_bytes', bytes);
  const raised = Number(bytes) > Number(cgroup.read('memory', 'memory.limit_in_bytes'));
  return (raised ? both : both.toReversed()).every((name) => cgroup.write('memory', name, bytes));
}
