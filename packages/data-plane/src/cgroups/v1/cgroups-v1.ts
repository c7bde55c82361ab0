import { readFileSync } from 'node:fs';
import type { CgroupLayout } from '../cgroup-layout.ts';
import { leastLimit } from '../cgroup-tree.ts';
import type { Cgroup, Cgroups } from '../cgroup.ts';
import { parseOwnCgroups } from '../own-cgroups.ts';
import { CgroupV1 } from './cgroup-v1.ts';

/** A hierarchy for each controller, two of which may share one; beside them, on a hybrid host, one of version 2. */
export class CgroupsV1 implements Cgroups {
  readonly #layout: CgroupLayout;
  /** crun refuses a host with both versions of cgroups if v2 holds a controller, so it is kept from seeing v2. */
  readonly hiddenMountPoints: readonly string[];

  constructor(layout: CgroupLayout) {
    this.#layout = layout;
    this.hiddenMountPoints = layout.unified === undefined ? [] : [layout.unified];
  }

  at(path: string): Cgroup {
    return new CgroupV1(this.#layout, path);
  }

  ownLimits(): { memoryBytes: number; pids: number } {
    const own = parseOwnCgroups(readFileSync('/proc/self/cgroup', 'utf8'));
    const limit = (controller: string, name: string) => {
      const mountPoint = this.#layout.controllers.get(controller);
      return mountPoint === undefined ? Infinity : leastLimit(mountPoint, own(controller), name);
    };
    return { memoryBytes: limit('memory', 'memory.limit_in_bytes'), pids: limit('pids', 'pids.max') };
  }
}
