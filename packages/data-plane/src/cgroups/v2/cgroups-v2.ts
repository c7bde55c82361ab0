import { readFileSync } from 'node:fs';
import type { CgroupLayout } from '../cgroup-layout.ts';
import { leastLimit } from '../cgroup-tree.ts';
import type { Cgroup, Cgroups } from '../cgroup.ts';
import { parseOwnCgroups } from '../own-cgroups.ts';
import { CgroupV2 } from './cgroup-v2.ts';

/** One hierarchy for all controllers. */
export class CgroupsV2 implements Cgroups {
  readonly #mountPoint: string;
  readonly hiddenMountPoints = [];

  constructor(layout: CgroupLayout) {
    if (layout.unified === undefined) throw new TypeError('there is no hierarchy of version 2');
    this.#mountPoint = layout.unified;
  }

  at(path: string): Cgroup {
    return new CgroupV2(this.#mountPoint, path);
  }

  ownLimits(): { memoryBytes: number; pids: number } {
    const path = parseOwnCgroups(readFileSync('/proc/self/cgroup', 'utf8'))('');
    const limit = (name: string) => leastLimit(this.#mountPoint, path, name);
    return { memoryBytes: limit('memory.max'), pids: limit('pids.max') };
  }
}
