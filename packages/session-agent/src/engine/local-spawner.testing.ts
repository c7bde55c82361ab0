import { spawn, type ChildProcess, type StdioOptions } from 'node:child_process';
import { readFileSync } from 'node:fs';
import type { Readable, Writable } from 'node:stream';
import { CaissonError } from '@caisson/protocol/api';
import { type Process, type Processes, type ProcessExit, type ProcessRequest } from '@caisson/protocol/ports';
import {
  kernelOf,
  type KernelRequest,
  type KernelSpawner,
  type SpawnedKernel,
} from './ports/kernel-spawner.ts';
import { byteChannel, byteSink, byteSource, channelWriter } from './reading/byte-streams.ts';

const FAILING = ['/bin/sh', '-c', 'echo cannot enter >&2; exit 1'] as const;

/** Starts processes beside the tests, without any sandbox. */
export class LocalSpawner implements KernelSpawner, Processes {
  readonly processes: ChildProcess[] = [];
  /** So many of the next kernels fail at once, as with a runtime that cannot enter its sandbox. */
  failures = 0;

  async spawnKernel(request: KernelRequest, signal: AbortSignal): Promise<SpawnedKernel> {
    const fails = this.failures > 0;
    if (fails) this.failures -= 1;
    const argv = fails ? FAILING : request.argv;
    const child = await this.#spawn({ ...request, argv }, ['ignore', 'pipe', 'pipe', 'pipe', 'pipe'], signal);
    const control = byteChannel(
      byteSource(child.stdio[4] as Readable),
      channelWriter(child.stdio[3] as Writable),
    );
    return kernelOf(processOf(child), control);
  }

  async start(request: ProcessRequest, signal: AbortSignal): Promise<Process> {
    if (request.terminal !== null) throw noTerminal();
    return processOf(await this.#spawn(request, [request.stdin ? 'pipe' : 'ignore', 'pipe', 'pipe'], signal));
  }

  async #spawn(request: KernelRequest, stdio: StdioOptions, signal: AbortSignal): Promise<ChildProcess> {
    signal.throwIfAborted();
    const [file, ...args] = request.argv;
    const child = spawn(file, args, {
      cwd: request.cwd,
      env: { PATH: '/usr/local/bin:/usr/bin:/bin', HOME: '/tmp', LANG: 'C.UTF-8', ...request.env },
      stdio,
      detached: true,
    });
    this.processes.push(child);
    await new Promise((resolve, reject) => {
      child.once('spawn', resolve).once('error', reject);
    });
    return child;
  }
}

function processOf(child: ChildProcess): Process {
  const exited = new Promise<ProcessExit>((resolve) => {
    child.once('exit', (exitCode, signal) => {
      resolve({ exitCode, signal });
    });
  });
  const stdout = byteSource(child.stdio[1] as Readable);
  const stderr = byteSource(child.stdio[2] as Readable);
  const kill = async (): Promise<void> => {
    if (child.pid !== undefined) killTree(child.pid);
    await exited;
  };
  return {
    stdin: child.stdin && byteSink(child.stdin),
    stdout,
    stderr,
    exited,
    signal: async (name) => {
      await Promise.resolve();
      child.kill(name);
    },
    resize: async () => Promise.reject(noTerminal()),
    kill,
    [Symbol.asyncDispose]: async () => {
      await kill();
      child.stdin?.destroy();
      stdout.close();
      stderr.close();
    },
  };
}

function noTerminal(): CaissonError {
  return new CaissonError('validation_failed', {
    fields: [{ field: 'terminal', message: 'is not available' }],
  });
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
