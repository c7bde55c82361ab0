import { readFileSync } from 'node:fs';

/** Mount points of this host's cgroup hierarchies. */
export interface CgroupLayout {
  readonly version: 'v1' | 'v2' | 'hybrid';
  /** Mount point of each v1 controller, by its name (`memory`, `pids`, `cpu`, …). Empty on v2. */
  readonly controllers: ReadonlyMap<string, string>;
  /** Mount point of the v2 hierarchy, if there is one. */
  readonly unified: string | undefined;
  /** Every mount point, each once. */
  readonly mountPoints: readonly string[];
}

/** Parses the layout from `mountinfo` (text of /proc/self/mountinfo, see proc_pid_mountinfo(5)); `undefined` without cgroups. */
export function parseCgroupLayout(mountinfo: string): CgroupLayout | undefined {
  const controllers = new Map<string, string>();
  const mountPoints = new Set<string>();
  let unified: string | undefined;
  for (const line of mountinfo.split('\n')) {
    const [before, after] = line.split(' - ');
    const mountPoint = before?.split(' ')[4];
    const [type, , superOptions] = after?.split(' ') ?? [];
    if (mountPoint === undefined) continue;
    if (type === 'cgroup2') unified = mountPoint;
    if (type === 'cgroup') {
      const names = (superOptions ?? '').split(',').filter((option) => !['rw', 'ro', ''].includes(option));
      for (const name of names) controllers.set(name, mountPoint);
    }
    if (type === 'cgroup' || type === 'cgroup2') mountPoints.add(mountPoint);
  }
  if (mountPoints.size === 0) return undefined;
  // A v2 mount beside v1 controllers makes the host hybrid, not v2: the controllers decide.
  const version = controllers.size === 0 ? 'v2' : unified === undefined ? 'v1' : 'hybrid';
  return { version, controllers, unified, mountPoints: [...mountPoints] };
}

export function readCgroupLayout(): CgroupLayout | undefined {
  return parseCgroupLayout(readFileSync('/proc/self/mountinfo', 'utf8'));
}
