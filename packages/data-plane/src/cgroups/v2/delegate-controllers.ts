import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { readCgroupFile, writeCgroupFile } from '../cgroup-tree.ts';

const CONTROLLERS = ['memory', 'pids', 'cpu'];

/**
 * Makes the cgroup `path` such that those below it can be limited: each has a controller only if all above it pass it on.
 * @throws Error if this host does not allow it, with what to do about it
 */
export function delegateControllers(mountPoint: string, path: string): void {
  const names = path.split('/').filter((name) => name !== '');
  for (let depth = 0; depth <= names.length; depth++) {
    const above = `/${names.slice(0, depth).join('/')}`;
    const directory = join(mountPoint, above);
    mkdirSync(directory, { recursive: true });
    const wish = CONTROLLERS.map((name) => `+${name}`).join(' ');
    if (!writeCgroupFile(join(directory, 'cgroup.subtree_control'), wish))
      throw new Error(explain(directory, above));
  }
}

function explain(directory: string, path: string): string {
  const available = readCgroupFile(join(directory, 'cgroup.controllers'))?.trim().split(' ') ?? [];
  const missing = CONTROLLERS.filter((name) => !available.includes(name));
  if (missing.length > 0)
    return `the cgroup controllers ${missing.join(', ')} are not there: enable them in the kernel, or for this container`;
  return (
    `the cgroup ${path} passes on no limits, for it holds processes itself: in a container, ` +
    'move them to a cgroup below it before this starts'
  );
}
