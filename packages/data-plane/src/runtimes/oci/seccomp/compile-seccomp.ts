import { execFile } from 'node:child_process';
import { fileURLToPath } from 'node:url';

const PYTHON = '/usr/bin/python3';
const TIMEOUT_MS = 10_000;
/** The kernel takes no more instructions than this, of eight bytes each. */
const MAX_PROGRAM_BYTES = 4096 * 8;

/**
 * The program by which the kernel enforces a seccomp list, for a process that installs it itself.
 * @throws Error if libseccomp is missing or does not take the list
 */
export async function compileSeccomp(list: object, signal: AbortSignal): Promise<Buffer> {
  const { promise, resolve, reject } = Promise.withResolvers<Buffer>();
  const script = fileURLToPath(new URL('compile_seccomp.py', import.meta.url));
  const child = execFile(
    PYTHON,
    ['-I', script],
    { encoding: 'buffer', timeout: TIMEOUT_MS, maxBuffer: MAX_PROGRAM_BYTES, env: {}, signal },
    (error, stdout, stderr) => {
      if (error === null) resolve(stdout);
      else {
        const said = stderr.toString().trim().split('\n').at(-1) ?? '';
        reject(new Error(`the seccomp list could not be compiled: ${said}`, { cause: error }));
      }
    },
  );
  // If it cannot be started, that is told above.
  child.stdin?.on('error', () => undefined).end(JSON.stringify(list));
  return promise;
}
