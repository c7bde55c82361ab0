import { readdirSync, readFileSync, readlinkSync } from 'node:fs';

export interface HostProcess {
  readonly pid: number;
  readonly parent: number;
  /** As in `readlink /proc/self/ns/pid`, which is the same inside and outside. */
  readonly pidNamespace: string;
  /** Path of the cgroup; the longest if there are several hierarchies. */
  readonly cgroup: string;
}

/** All processes of the host, without those that end during the scan. */
export function listProcesses(): HostProcess[] {
  return readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name))
    .flatMap((name) => {
      try {
        return [readProcess(Number(name))];
      } catch {
        return [];
      }
    });
}

/** `pid` and all its descendants. */
export function withDescendants(processes: readonly HostProcess[], pid: number): HostProcess[] {
  const found = processes.filter((process) => process.pid === pid);
  // The list grows during the iteration.
  for (const { pid: parent } of found)
    found.push(...processes.filter((process) => process.parent === parent));
  return found;
}

/** Path of the sandbox's cgroup that `cgroup` is, or is in; `undefined` if it is in none. */
export function sandboxCgroup(cgroup: string): string | undefined {
  return /^(?:\/.*)?\/caisson\/[^/]+\/[^/]+/.exec(cgroup)?.[0];
}

/** Path of the parent cgroup of one server's sandboxes. */
export function serverCgroup(cgroup: string): string | undefined {
  return /^(?:\/.*)?\/caisson\/[^/]+/.exec(cgroup)?.[0];
}

export function isWithin(cgroup: string, ancestor: string): boolean {
  return cgroup === ancestor || cgroup.startsWith(`${ancestor}/`);
}

/** @param text content of /proc/PID/cgroup */
export function longestCgroupPath(text: string): string {
  return text
    .split('\n')
    .map((line) => line.split(':').slice(2).join(':'))
    .reduce((longest, path) => (path.length > longest.length ? path : longest), '');
}

function readProcess(pid: number): HostProcess {
  const status = readFileSync(`/proc/${pid}/status`, 'utf8');
  return {
    pid,
    parent: Number(/^PPid:\s+(\d+)/m.exec(status)?.[1]),
    pidNamespace: readlinkSync(`/proc/${pid}/ns/pid`),
    cgroup: longestCgroupPath(readFileSync(`/proc/${pid}/cgroup`, 'utf8')),
  };
}
