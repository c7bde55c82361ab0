import { Cgroup } from './cgroup.ts';
import type { CgroupLayout } from './cgroup-layout.ts';

const CONTROLLERS = ['memory', 'pids', 'cpu'];

/**
 * Makes the cgroup `path`, absolute in each hierarchy, such that those below it can be limited: on v2 a cgroup has a
 * controller only if all above it pass it on; on v1 each has that of its hierarchy, and this does nothing.
 * @throws Error if this host does not allow it, with what to do about it
 */
export function delegateControllers(layout: CgroupLayout, path: string): void {
  if (layout.version !== 'v2') return;
  const names = path.split('/').filter((name) => name !== '');
  for (let depth = 0; depth <= names.length; depth++) {
    const cgroup = new Cgroup(layout, `/${names.slice(0, depth).join('/')}`);
    cgroup.make(CONTROLLERS);
    const wish = CONTROLLERS.map((name) => `+${name}`).join(' ');
    if (!cgroup.write('cgroup', 'cgroup.subtree_control', wish)) throw new Error(explain(cgroup));
  }
}

function explain(cgroup: Cgroup): string {
  const available = cgroup.read('cgroup', 'cgroup.controllers')?.trim().split(' ') ?? [];
  const missing = CONTROLLERS.filter((name) => !available.includes(name));
  if (missing.length > 0)
    return `the cgroup controllers ${missing.join(', ')} are not there: enable them in the kernel, or for this container`;
  return (
    `the cgroup ${cgroup.path} passes on no limits, for it holds processes itself: in a container, ` +
    'move them to a cgroup below it before this starts'
  );
}
