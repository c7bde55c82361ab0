import { spawn, type ChildProcess } from 'node:child_process';
import { readFileSync } from 'node:fs';
import type { Readable, Writable } from 'node:stream';
import { byteChannel, byteSource } from './reading/byte-source.ts';
import type { ProcessExit, SpawnedProcess, Spawner, SpawnRequest } from './ports/spawner.ts';

const FAILING = ['/bin/sh', '-c', 'echo cannot enter >&2; exit 1'] as const;

/** Starts processes beside the tests, without any sandbox. */
export class LocalSpawner implements Spawner {
  readonly processes: ChildProcess[] = [];
  /** So many of the next processes fail at once, as a runtime that cannot enter its sandbox. */
  failures = 0;

  async spawn(request: SpawnRequest, signal: AbortSignal): Promise<SpawnedProcess> {
    signal.throwIfAborted();
    const fails = this.failures > 0;
    if (fails) this.failures -= 1;
    const [file, ...args] = fails ? FAILING : request.argv;
    const child = spawn(file, args, {
      cwd: request.cwd,
      env: { PATH: '/usr/local/bin:/usr/bin:/bin', HOME: '/tmp', LANG: 'C.UTF-8', ...request.env },
      stdio: ['ignore', 'pipe', 'pipe', 'pipe', 'pipe'],
      detached: true,
    });
    this.processes.push(child);
    const exited = new Promise<ProcessExit>((resolve) => {
      child.once('exit', (exitCode, exitSignal) => {
        resolve({ exitCode, signal: exitSignal });
      });
    });
    await new Promise((resolve, reject) => {
      child.once('spawn', resolve).once('error', reject);
    });
    return {
      stdout: byteSource(child.stdio[1] as Readable),
      stderr: byteSource(child.stdio[2] as Readable),
      control: byteChannel(child.stdio[4] as Readable, child.stdio[3] as Writable),
      exited,
      interrupt: async () => {
        await Promise.resolve();
        child.kill('SIGINT');
      },
      kill: async () => {
        if (child.pid !== undefined) killTree(child.pid);
        await exited;
      },
    };
  }
}

/** Kills a process, its group, and the same of all that descend from it: a shell runs its code in another group. */
function killTree(pid: number): void {
  for (const child of childrenOf(pid)) killTree(child);
  for (const target of [-pid, pid]) {
    try {
      process.kill(target, 'SIGKILL');
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'ESRCH') throw error;
    }
  }
}

function childrenOf(pid: number): number[] {
  try {
    return readFileSync(`/proc/${pid}/task/${pid}/children`, 'utf8').split(' ').filter(Boolean).map(Number);
  } catch (error) {
    if (['ENOENT', 'ESRCH'].includes((error as NodeJS.ErrnoException).code ?? '')) return [];
    throw error;
  }
}
