import { readFileSync, writeFileSync } from 'node:fs';

const PATH = '/proc/self/oom_score_adj';
/**
 * For the server and its helper. Code in a sandbox can lower its own score only to that of the sandbox's first process, which is
 * 0; see proc_pid_oom_score_adj(5).
 */
const SERVER_SCORE = -500;

/**
 * Makes the kernel kill sandboxes before this process when the host runs out of memory. Child processes inherit the score.
 * Disposing restores it.
 */
export function lowerOomScore(): Disposable & { readonly problem?: string } {
  const before = Number(readFileSync(PATH, 'utf8'));
  const restore = () => {
    writeFileSync(PATH, String(before));
  };
  if (before <= SERVER_SCORE) return { [Symbol.dispose]: () => undefined };
  try {
    writeFileSync(PATH, String(SERVER_SCORE));
    return { [Symbol.dispose]: restore };
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'EACCES') throw error;
    const problem =
      'the server cannot lower its oom_score_adj, so when memory runs out the kernel may kill it instead of a sandbox: ' +
      'give it CAP_SYS_RESOURCE, or start it with OOMScoreAdjust=-500 (systemd)';
    return { problem, [Symbol.dispose]: () => undefined };
  }
}
