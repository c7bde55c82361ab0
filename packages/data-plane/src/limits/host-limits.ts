import { readFileSync } from 'node:fs';

/** Limits of the whole host that no namespace or cgroup splits between sandboxes. */
export const HOST_LIMITS = [
  'fs.file-max',
  'kernel.pid_max',
  'kernel.threads-max',
  'kernel.pty.max',
  'kernel.pty.reserve',
  'fs.inotify.max_user_instances',
] as const;

export type HostLimits = Readonly<Partial<Record<(typeof HOST_LIMITS)[number], number>>>;

/** The most one sandbox can use. */
export interface SandboxShare {
  readonly files: number;
  readonly processes: number;
  readonly terminals: number;
  readonly inotifyInstances: number;
}

/** Share of each limit that is left to the host itself. */
const HOST_SHARE = 1 / 4;

/**
 * Limits of this host that `sandboxes` could exhaust together if each used all it can. Each problem says how to fix it.
 * @param limits a missing one is not checked, because this kernel does not have it
 */
export function hostLimitProblems(limits: HostLimits, sandboxes: number, share: SandboxShare): string[] {
  const reserved = limits['kernel.pty.reserve'] ?? 0;
  const needs: readonly (readonly [keyof HostLimits, number])[] = [
    ['fs.file-max', needed(sandboxes * share.files)],
    ['kernel.pid_max', needed(sandboxes * share.processes)],
    ['kernel.threads-max', needed(sandboxes * share.processes)],
    // The reserve is for terminals outside sandboxes, which can use no others.
    ['kernel.pty.max', sandboxes * share.terminals + reserved],
    // Counted per user, and each sandbox has its own.
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

/** Limits of this host. */
export function readHostLimits(): HostLimits {
  return Object.fromEntries(
    HOST_LIMITS.flatMap((name) => {
      const text = readIfThere(`/proc/sys/${name.replaceAll('.', '/')}`);
      return text === undefined ? [] : [[name, Number(text)]];
    }),
  );
}

function needed(byAll: number): number {
  return Math.ceil(byAll / (1 - HOST_SHARE));
}

function readIfThere(path: string): string | undefined {
  try {
    return readFileSync(path, 'utf8');
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
    throw error;
  }
}
