import { readFileSync } from 'node:fs';

/** Limits of the whole host that no namespace or cgroup divides among sandboxes. */
export const HOST_LIMITS = [
  'fs.file-max',
  'kernel.pid_max',
  'kernel.threads-max',
  'kernel.pty.max',
  'kernel.pty.reserve',
  'fs.inotify.max_user_instances',
] as const;

export type HostLimits = Readonly<Partial<Record<(typeof HOST_LIMITS)[number], number>>>;

/** The most that one sandbox can take. */
export interface SandboxShare {
  readonly files: number;
  readonly processes: number;
  readonly terminals: number;
  readonly inotifyInstances: number;
}

/** What is left to the host itself, as a part of each limit. */
const HOST_PART = 1 / 4;

/**
 * What of this host's limits `sandboxes` could use up together, if each took all it can, each as what to do about it.
 * @param limits one that is missing is not checked: this kernel does not have it
 */
export function hostLimitProblems(limits: HostLimits, sandboxes: number, share: SandboxShare): string[] {
  const reserved = limits['kernel.pty.reserve'] ?? 0;
  const needs: readonly (readonly [keyof HostLimits, number])[] = [
    ['fs.file-max', needed(sandboxes * share.files)],
    ['kernel.pid_max', needed(sandboxes * share.processes)],
    ['kernel.threads-max', needed(sandboxes * share.processes)],
    // The reserve is for terminals outside of sandboxes, which have no other.
    ['kernel.pty.max', sandboxes * share.terminals + reserved],
    // Counted by the user that a sandbox belongs to, which is another for each.
    ['fs.inotify.max_user_instances', share.inotifyInstances],
  ];
  return needs.flatMap(([name, need]) => {
    const limit = limits[name];
    if (limit === undefined || limit >= need) return [];
    return [
      `${name} is ${limit}: ${sandboxes} sandboxes could use it up; raise it (sysctl -w ${name}=${need})`,
    ];
  });
}

/** The limits of this host. */
export function readHostLimits(): HostLimits {
  return Object.fromEntries(
    HOST_LIMITS.flatMap((name) => {
      const text = readIfThere(`/proc/sys/${name.replaceAll('.', '/')}`);
      return text === undefined ? [] : [[name, Number(text)]];
    }),
  );
}

function needed(byAll: number): number {
  return Math.ceil(byAll / (1 - HOST_PART));
}

function readIfThere(path: string): string | undefined {
  try {
    return readFileSync(path, 'utf8');
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
    throw error;
  }
}
