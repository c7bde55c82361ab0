import { execFile, spawn } from 'node:child_process';
import { once } from 'node:events';
import { promisify } from 'node:util';

const run = promisify(execFile);
const MAX_OUTPUT_BYTES = 1024 * 1024;

/**
 * Runs a program of the host to its end and returns what it printed. Without a shell, without the host's environment.
 * @throws Error with what it printed on stderr, if it cannot run, fails, outlives `timeoutMs` or `signal` is aborted
 */
export async function runCommand(
  argv: readonly [string, ...string[]],
  options: { timeoutMs: number; signal?: AbortSignal },
): Promise<string> {
  const [program, ...args] = argv;
  try {
    const { stdout } = await run(program, args, {
      timeout: options.timeoutMs,
      killSignal: 'SIGKILL',
      maxBuffer: MAX_OUTPUT_BYTES,
      env: HOST_COMMAND_ENVIRONMENT,
      ...(options.signal !== undefined && { signal: options.signal }),
    });
    return stdout;
  } catch (error) {
    options.signal?.throwIfAborted();
    const { stderr, killed } = error as { stderr?: string; killed?: boolean };
    const problem = killed === true ? `did not end within ${options.timeoutMs} ms` : (stderr ?? '').trim();
    throw new Error(`${program}: ${problem === '' ? (error as Error).message : problem}`, { cause: error });
  }
}

/**
 * Runs a program that leaves a process behind, which would hold its pipes open: so it gets descriptors for
 * its streams, from standard input on, and its end is the end of the program itself. `readComplaint` tells what went wrong.
 * @throws Error as `runCommand` does
 */
export async function runDetaching(
  argv: readonly [string, ...string[]],
  options: { stdio: number[]; timeoutMs: number; signal: AbortSignal; readComplaint: () => string },
): Promise<void> {
  const [program, ...args] = argv;
  const child = spawn(program, args, {
    stdio: options.stdio,
    detached: true,
    timeout: options.timeoutMs,
    killSignal: 'SIGKILL',
    env: HOST_COMMAND_ENVIRONMENT,
  });
  const [code, killedBy] = (await once(child, 'exit')) as [number | null, NodeJS.Signals | null];
  // Not earlier: a runtime that is killed midway leaves a container half made, which takes long to clear away.
  options.signal.throwIfAborted();
  if (code === 0) return;
  const ending = code === null ? `was ended by ${killedBy}` : `failed with exit code ${code}`;
  throw new Error(`${program} ${ending}: ${options.readComplaint().trim()}`);
}

export const HOST_COMMAND_ENVIRONMENT = {
  PATH: '/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin',
};
