import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdirSync, rmdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { readHostLoad } from '@caisson/data-plane';
import { patience } from './patience.ts';
import { until } from './server.ts';

const PROGRAM = fileURLToPath(new URL('stall_for_memory.py', import.meta.url));
const LIMIT_BYTES = 32 * 2 ** 20;
const END_TIMEOUT_MS = patience(10_000);

/** Why memory pressure cannot be read on this host; `undefined` if it can. */
export function whyUnseen(): string | undefined {
  return readHostLoad().memoryStallPercent === undefined
    ? 'the kernel does not tell how long processes wait for memory: there is no /proc/pressure/memory'
    : undefined;
}

/**
 * Makes processes wait for memory in a cgroup of 32 MiB, so that `some avg10` of /proc/pressure/memory reaches `percent` and
 * stays there until disposed. They use no memory outside that cgroup, no disk, and only idle processors.
 */
export function startMemoryPressure(percent: number): AsyncDisposable {
  using unlessStarted = new DisposableStack();
  const cgroup = unlessStarted.use(makeCgroup());
  const child = spawn('python3', [PROGRAM, cgroup.directory, String(percent)], {
    stdio: ['pipe', 'ignore', 'inherit'],
  });
  const exited = once(child, 'exit');
  unlessStarted.move();
  return {
    [Symbol.asyncDispose]: async () => {
      const overdue = setTimeout(() => child.kill('SIGKILL'), END_TIMEOUT_MS);
      try {
        // It also ends with this process, which closes the pipe as well.
        child.stdin.end();
        await exited;
      } finally {
        clearTimeout(overdue);
        await removeWhenEmpty(cgroup.directory);
      }
    },
  };
}

function makeCgroup(): Disposable & { readonly directory: string } {
  const v1 = '/sys/fs/cgroup/memory';
  const root = existsSync(v1) ? v1 : '/sys/fs/cgroup';
  const directory = join(root, `caisson-test-pressure-${process.pid}`);
  mkdirSync(directory);
  const cgroup = {
    directory,
    [Symbol.dispose]: () => {
      rmdirSync(directory);
    },
  };
  using unlessLimited = new DisposableStack();
  unlessLimited.use(cgroup);
  const limit = root === v1 ? 'memory.limit_in_bytes' : 'memory.max';
  writeFileSync(join(directory, limit), String(LIMIT_BYTES));
  unlessLimited.move();
  return cgroup;
}

/** The kernel takes a moment to release the last process of a cgroup. */
async function removeWhenEmpty(directory: string): Promise<void> {
  const remove = (): boolean => {
    try {
      rmdirSync(directory);
      return true;
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code === 'EBUSY') return false;
      throw error;
    }
  };
  await until(`${directory} is empty`, async () => Promise.resolve(remove()), END_TIMEOUT_MS);
}
