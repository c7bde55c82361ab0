import { readCgroupLayout } from './cgroup-layout.ts';
import type { CgroupLayout } from './cgroup-layout.ts';
import type { Cgroups } from './cgroup.ts';
import { CgroupsV1 } from './v1/cgroups-v1.ts';
import { CgroupsV2 } from './v2/cgroups-v2.ts';

/** Cgroups of this host; `undefined` if no cgroup file system is mounted. */
export function findCgroups(): Cgroups | undefined {
  const layout = readCgroupLayout();
  return layout === undefined ? undefined : cgroupsOf(layout);
}

/** On a hybrid host, the controllers are those of version 1. */
export function cgroupsOf(layout: CgroupLayout): Cgroups {
  return layout.version === 'v2' ? new CgroupsV2(layout) : new CgroupsV1(layout);
}
