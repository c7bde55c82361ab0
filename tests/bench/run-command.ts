import { execFile } from 'node:child_process';
import { promisify } from 'node:util';

const execute = promisify(execFile);

/** Standard output of a program that must exit with 0 within `timeoutMs`. */
export async function runCommand(
  program: string,
  args: readonly string[],
  options: { readonly timeoutMs: number; readonly signal: AbortSignal },
): Promise<string> {
  const { timeoutMs: timeout, signal } = options;
  const { stdout } = await execute(program, args, { timeout, killSignal: 'SIGKILL', signal });
  return stdout.trim();
}
