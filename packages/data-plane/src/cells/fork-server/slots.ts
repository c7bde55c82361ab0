import { closeSync, constants, openSync } from 'node:fs';
import { join } from 'node:path';
import type { Resources } from '@caisson/protocol/ports';
import type { CgroupCounters } from '@caisson/session-agent';
import type { Cgroup, CgroupLimits, Cgroups } from '../../cgroups/cgroup.ts';
import { cpuQuotaUs } from '../../cgroups/cpu-quota.ts';
import { cgroupMemoryBytes } from '../../limits/memory-file-systems.ts';

/** A cgroup that one cell after another uses. */
export interface Slot {
  readonly index: number;
  readonly cgroup: Cgroup;
  /** Its files, which each job reads. */
  readonly counters: CgroupCounters;
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
  constructor(cgroups: Cgroups, parent: Cgroup, count: number) {
    parent.delegate();
    this.#all = Array.from({ length: count }, (_, index) => {
      const cgroup = cgroups.at(join(parent.path, `cell-${index}`));
      cgroup.make();
      cgroup.limitSocketMemory();
      return { index, cgroup, counters: cgroup.openCounters() };
    });
    this.#free = [...this.#all];
    const opened: number[][] = [];
    this.#descriptors = opened;
    try {
      for (const { cgroup } of this.#all) opened.push(openEntrances(cgroup));
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
    slot.cgroup.limit(limitsOf(resources));
    this.#limits.set(slot, resources);
    return slot;
  }

  /** Returns a slot. @throws Error if a process is left in it, or in a cgroup below it */
  giveBack(slot: Slot): void {
    const left = slot.counters.pids();
    if (left > 0) throw new Error(`${left} tasks are left in a cell that is gone`);
    this.#free.push(slot);
  }

  /** Closes the descriptors; the cgroups go with their parent. */
  [Symbol.dispose](): void {
    for (const fd of this.#descriptors.flat()) closeSync(fd);
    for (const { counters } of this.#all) counters[Symbol.dispose]();
  }
}

function openEntrances(cgroup: Cgroup): number[] {
  const opened: number[] = [];
  try {
    for (const path of cgroup.entrances()) opened.push(openSync(path, constants.O_WRONLY));
    return opened;
  } catch (error) {
    for (const fd of opened) closeSync(fd);
    throw error;
  }
}

function limitsOf(resources: Resources): CgroupLimits {
  return {
    memoryBytes: cgroupMemoryBytes(resources),
    cpuQuotaUs: Math.round(cpuQuotaUs(resources)),
    pids: resources.pids,
  };
}
