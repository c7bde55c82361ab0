import { readFileSync } from 'node:fs';
import type { Cgroup } from '../../../cgroups/cgroup.ts';
import { sendSignal } from '../../../cgroups/send-signal.ts';
import type { SandboxPause } from '../../../pausing/sandbox-pause.ts';

export interface ProcessEntry {
  readonly pid: number;
  readonly parentPid: number;
}

/**
 * Which of a sandbox's processes end when one that was started in it is killed: all but the first process and those
 * that descend from `spared`. Descent from the killed one would not do: a process whose parent has ended hangs from
 * the sandbox's first process, and nothing tells any more who started it.
 */
export function victims(
  processes: readonly ProcessEntry[],
  firstPid: number,
  spared: ReadonlySet<number>,
): number[] {
  const parents = new Map(processes.map(({ pid, parentPid }) => [pid, parentPid]));
  const isSpared = (pid: number): boolean => {
    for (let at: number | undefined = pid; at !== undefined; at = parents.get(at))
      if (spared.has(at)) return true;
    return false;
  };
  return processes.map(({ pid }) => pid).filter((pid) => pid !== firstPid && !isSpared(pid));
}

/** Kills the victims while all are frozen: they can neither fork nor end, so none escapes and no pid is reused. */
export async function killTree(
  sandbox: { readonly cgroup: Cgroup; readonly pause: SandboxPause; readonly firstPid: number },
  spared: ReadonlySet<number>,
  signal: AbortSignal,
): Promise<void> {
  const { cgroup, pause, firstPid } = sandbox;
  await pause.whileFrozen(() => {
    const processes = cgroup.processes().flatMap((pid) => {
      const parentPid = readParentPid(pid);
      return parentPid === undefined ? [] : [{ pid, parentPid }];
    });
    const killed = victims(processes, firstPid, spared);
    for (const pid of killed) sendSignal(pid, 'SIGKILL');
    return killed;
  }, signal);
}

/** Pid of the parent of the host process `pid`; `undefined` if it has ended. */
function readParentPid(pid: number): number | undefined {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, 'utf8');
    // The name in parentheses may hold anything, parentheses too; then come the state and the parent.
    return Number(stat.slice(stat.lastIndexOf(')') + 2).split(' ')[1]);
  } catch (error) {
    if (['ENOENT', 'ESRCH'].includes((error as NodeJS.ErrnoException).code ?? '')) return undefined;
    throw error;
  }
}
