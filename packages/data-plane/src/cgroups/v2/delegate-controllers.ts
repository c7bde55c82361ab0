import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { readCgroupFile, writeCgroupFile } from '../cgroup-tree.ts';

const CONTROLLERS = ['memory', 'pids', 'cpu'];

/**
 * Enables controllers for the child cgroups of `path`: a cgroup has a controller only if all its ancestors enable it.
 * @throws Error if this host does not allow it, with how to fix it
 */
export function delegateControllers(mountPoint: string, path: string): void {
  const names = path.split('/').filter((name) => name !== '');
  for (let depth = 0; depth <= names.length; depth++) {
    const above = `/${names.slice(0, depth).join('/')}`;
    const directory = join(mountPoint, above);
    mkdirSync(directory, { recursive: true });
    const enable = CONTROLLERS.map((name) => `+${name}`).join(' ');
    if (!writeCgroupFile(join(directory, 'cgroup.subtree_control'), enable))
      throw new Error(explain(directory, above));
  }
}

function explain(directory: string, path: string): string {
  const available = readCgroupFile(join(directory, 'cgroup.controllers'))?.trim().split(' ') ?? [];
  const missing = CONTROLLERS.filter((name) => !available.includes(name));
  if (missing.length > 0)
    return `the cgroup controllers ${missing.join(', ')} are missing: enable them in the kernel, or for this container`;
  return (
    `the cgroup ${path} cannot limit its child cgroups because it contains processes itself: in a container, ` +
    'move them to a child cgroup before starting Caisson'
  );
}
