import { readFileSync } from 'node:fs';
import type { CgroupLayout } from '../cgroup-layout.ts';
import { leastLimit } from '../cgroup-tree.ts';
import type { Cgroup, Cgroups } from '../cgroup.ts';
import { parseOwnCgroups } from '../own-cgroups.ts';
import { CgroupV1 } from './cgroup-v1.ts';

/** One hierarchy per controller, some shared; on a hybrid host also one of version 2. */
export class CgroupsV1 implements Cgroups {
  readonly #layout: CgroupLayout;
  /** Hides v2 from crun, which refuses a host with both versions if v2 has a controller. */
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
