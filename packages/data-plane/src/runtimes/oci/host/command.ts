import { execFile } from 'node:child_process';
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

export const HOST_COMMAND_ENVIRONMENT = {
  PATH: '/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin',
};
