import { readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { getPriority, setPriority } from 'node:os';

/**
 * Niceness of the server while a sandbox floods it: it counts nine times as much as a process of niceness 0, see sched(7). All
 * sandboxes together may keep every processor busy; whoever waits for this process, with every caller behind it, waits for a turn
 * among them. Not at all times: a server that runs at once for each event that comes does fewer of them at a time, which takes
 * 0.4 ms of 1.5 ms for each job where many come at once.
 */
const RAISED_NICENESS = -10;
/** After the last flood. */
const RAISED_MS = 10_000;
const AUTOGROUP = '/proc/self/autogroup';

/** The priority of this process, the threads that collect its garbage included. */
export class ServerPriority implements Disposable {
  #lower: (() => void) | undefined;
  #timer: NodeJS.Timeout | undefined;

  /**
   * Lets it run before what sandboxes run, until nobody has asked for that for ten seconds. What is started meanwhile inherits it.
   * Where this process may not do that (it lacks CAP_SYS_NICE), it stays as it is.
   */
  raise(): void {
    this.#lower ??= raisePriority();
    clearTimeout(this.#timer);
    this.#timer = setTimeout(() => {
      this[Symbol.dispose]();
    }, RAISED_MS).unref();
  }

  /** Makes it as it was. */
  [Symbol.dispose](): void {
    clearTimeout(this.#timer);
    this.#timer = undefined;
    this.#lower?.();
    this.#lower = undefined;
  }
}

/** Returns what makes it as it was. */
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
 * Where the kernel groups processes by their sessions (sched(7), "The autogroup feature"), the niceness of a process counts within its
 * session alone, and that of the session against all others.
 */
function readGroupNiceness(): number | undefined {
  try {
    const niceness = /nice (-?\d+)/.exec(readFileSync(AUTOGROUP, 'utf8'))?.[1];
    // Empty where this process is in no such group.
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
    // This process may not, somebody does it too often, or there is no group any more.
    if (!['EPERM', 'EACCES', 'EAGAIN', 'EINVAL'].includes((error as NodeJS.ErrnoException).code ?? ''))
      throw error;
  }
}

/** Linux has a niceness for each thread. */
function setPriorities(niceness: number): void {
  for (const thread of readdirSync('/proc/self/task')) {
    try {
      setPriority(Number(thread), niceness);
    } catch (error) {
      const { code } = (error as { info?: { code?: string } }).info ?? {};
      // It has ended, or this process may not.
      if (!['ESRCH', 'EACCES', 'EPERM'].includes(code ?? '')) throw error;
    }
  }
}
