import { readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { getPriority, setPriority } from 'node:os';

/**
 * Niceness of the server while a sandbox floods it: nine times the weight of a process with niceness 0, see sched(7). Sandboxes
 * may keep every processor busy, and then all callers wait until this process gets its turn. Not permanent: a server that wakes
 * up for every single event handles fewer of them per wake-up, which costs 0.4 ms of 1.5 ms per job under many parallel jobs.
 */
const RAISED_NICENESS = -10;
/** Time after the last flood until the priority is restored. */
const RAISED_MS = 10_000;
const AUTOGROUP = '/proc/self/autogroup';

/** Priority of this process, including its garbage collector threads. */
export class ServerPriority implements Disposable {
  #lower: (() => void) | undefined;
  #timer: NodeJS.Timeout | undefined;

  /**
   * Raises the priority above that of sandboxes, until ten seconds after the last call. Processes started meanwhile inherit it.
   * Does nothing if this process lacks CAP_SYS_NICE.
   */
  raise(): void {
    this.#lower ??= raisePriority();
    clearTimeout(this.#timer);
    this.#timer = setTimeout(() => {
      this[Symbol.dispose]();
    }, RAISED_MS).unref();
  }

  /** Restores the priority. */
  [Symbol.dispose](): void {
    clearTimeout(this.#timer);
    this.#timer = undefined;
    this.#lower?.();
    this.#lower = undefined;
  }
}

/** Returns a function that restores the priority. */
function raisePriority(): () => void {
  const before = getPriority();
  const groupBefore = readGroupNiceness();
  if (before > RAISED_NICENESS) setPriorities(RAISED_NICENESS);
  if (groupBefore !== undefined && groupBefore > RAISED_NICENESS) setGroupNiceness(RAISED_NICENESS);
  return () => {
    setPriorities(before);
    if (groupBefore !== undefined) setGroupNiceness(groupBefore);
  };
}

/**
 * If the kernel groups processes by session (sched(7), "The autogroup feature"), the niceness of a process counts only within its
 * session, and the niceness of the session counts against all others.
 */
function readGroupNiceness(): number | undefined {
  try {
    const niceness = /nice (-?\d+)/.exec(readFileSync(AUTOGROUP, 'utf8'))?.[1];
    // Empty if this process is in no autogroup.
    return niceness === undefined ? undefined : Number(niceness);
  } catch (error) {
    if (['ENOENT', 'EINVAL'].includes((error as NodeJS.ErrnoException).code ?? '')) return undefined;
    throw error;
  }
}

function setGroupNiceness(niceness: number): void {
  try {
    writeFileSync(AUTOGROUP, String(niceness));
  } catch (error) {
    // Not permitted, changed too often, or the group is gone.
    if (!['EPERM', 'EACCES', 'EAGAIN', 'EINVAL'].includes((error as NodeJS.ErrnoException).code ?? ''))
      throw error;
  }
}

/** On Linux, each thread has its own niceness. */
function setPriorities(niceness: number): void {
  for (const thread of readdirSync('/proc/self/task')) {
    try {
      setPriority(Number(thread), niceness);
    } catch (error) {
      const { code } = (error as { info?: { code?: string } }).info ?? {};
      // The thread has ended, or this is not permitted.
      if (!['ESRCH', 'EACCES', 'EPERM'].includes(code ?? '')) throw error;
    }
  }
}
