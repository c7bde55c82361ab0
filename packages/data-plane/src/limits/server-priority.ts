import { readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { getPriority, setPriority } from 'node:os';

/**
 * Niceness of the server: it counts nine times as much as a process of niceness 0, see sched(7). All sandboxes together may keep
 * every processor busy; whoever waits for this process, with every caller behind it, waits for a turn among them.
 */
const SERVER_NICENESS = -10;
const AUTOGROUP = '/proc/self/autogroup';

/**
 * Lets this process, the threads that collect its garbage included, run before what sandboxes run. What is started from now on inherits
 * it. Where this process may not do that (it lacks CAP_SYS_NICE), it stays as it is. Disposing makes it as it was.
 */
export function raiseServerPriority(): Disposable {
  const before = getPriority();
  const groupBefore = readGroupNiceness();
  if (before > SERVER_NICENESS) setPriorities(SERVER_NICENESS);
  if (groupBefore !== undefined && groupBefore > SERVER_NICENESS) setGroupNiceness(SERVER_NICENESS);
  return {
    [Symbol.dispose]: () => {
      setPriorities(before);
      if (groupBefore !== undefined) setGroupNiceness(groupBefore);
    },
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
