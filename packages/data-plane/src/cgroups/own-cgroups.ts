/** Paths of a process's cgroups, from the text of its /proc/PID/cgroup: by controller on v1, by `''` on v2; see cgroups(7). */
export function parseOwnCgroups(text: string): (hierarchy: string) => string {
  const paths = new Map<string, string>();
  for (const line of text.split('\n')) {
    const [, , names, path] = /^(\d+):([^:]*):(.*)$/.exec(line) ?? [];
    for (const name of names?.split(',') ?? []) paths.set(name, path ?? '/');
  }
  return (hierarchy) => paths.get(hierarchy) ?? '/';
}
