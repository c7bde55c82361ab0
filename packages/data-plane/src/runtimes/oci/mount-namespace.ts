import { spawn } from 'node:child_process';
import { closeSync, constants, openSync } from 'node:fs';
import { createInterface } from 'node:readline';
import { once } from 'node:events';
import { HOST_COMMAND_ENVIRONMENT, runCommand } from './command.ts';

/** Mounts made in the namespace before anything else runs there. */
export interface Preparation {
  /** Mount points to leave out. */
  readonly unmount: readonly string[];
  /** Bind mounts; the target exists. */
  readonly bind: readonly { readonly source: string; readonly target: string }[];
}

/** Reads pairs and single words from its arguments only, so that no path is ever part of the program. */
const HOLDER_PROGRAM = `
set -eu
count=$1; shift
while [ "$count" -gt 0 ]; do umount "$1"; shift; count=$((count - 1)); done
while [ $# -gt 1 ]; do mount --bind "$1" "$2"; shift 2; done
echo ready
exec cat
`;
const START_TIMEOUT_MS = 10_000;
const O_PATH = 0o10000000;

/**
 * A private copy of the host's mounts, in which the OCI runtime runs and workspaces are mounted. It is held by a small
 * process whose standard input is a pipe from here: when this server ends, be it by SIGKILL, that process ends too,
 * and the kernel removes every mount that was made here.
 */
export class MountNamespace implements AsyncDisposable {
  readonly #holder: ReturnType<typeof spawn>;
  readonly #namespaceFd: number;
  readonly #rootFd: number;

  private constructor(holder: ReturnType<typeof spawn>, namespaceFd: number, rootFd: number) {
    this.#holder = holder;
    this.#namespaceFd = namespaceFd;
    this.#rootFd = rootFd;
  }

  static async create(preparation: Preparation): Promise<MountNamespace> {
    const mounts = preparation.bind.flatMap(({ source, target }) => [source, target]);
    const args = [String(preparation.unmount.length), ...preparation.unmount, ...mounts];
    // A session of its own: an interrupt typed at the terminal is for the server alone, which ends it in its turn.
    const holder = spawn(
      'unshare',
      [
        '--mount',
        '--propagation',
        'private',
        '--',
        '/bin/sh',
        '-c',
        HOLDER_PROGRAM,
        'caisson-mounts',
        ...args,
      ],
      { stdio: ['pipe', 'pipe', 'pipe'], detached: true, env: HOST_COMMAND_ENVIRONMENT },
    );
    try {
      await untilReady(holder);
      const fd = (name: string, flags: number) => openSync(`/proc/${holder.pid}/${name}`, flags);
      return new MountNamespace(
        holder,
        fd('ns/mnt', constants.O_RDONLY),
        fd('root', O_PATH | constants.O_DIRECTORY),
      );
    } catch (error) {
      holder.kill('SIGKILL');
      throw error;
    }
  }

  /** The command that runs `argv` in the namespace. */
  enter(argv: readonly string[]): [string, ...string[]] {
    return ['nsenter', `--mount=/proc/${process.pid}/fd/${this.#namespaceFd}`, '--', ...argv];
  }

  /** Where the absolute `path` of the namespace is seen from this process. */
  resolve(path: string): string {
    return `/proc/self/fd/${this.#rootFd}${path}`;
  }

  /** Runs `argv` in the namespace to its end; see `runCommand`. */
  async run(argv: readonly string[], options: { timeoutMs: number; signal?: AbortSignal }): Promise<string> {
    return runCommand(this.enter(argv), options);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    closeSync(this.#namespaceFd);
    closeSync(this.#rootFd);
    const exited = once(this.#holder, 'exit');
    if (this.#holder.exitCode !== null || this.#holder.signalCode !== null) return;
    this.#holder.kill('SIGKILL');
    await exited;
  }
}

/** Resolves when the holder has made its mounts; rejects with what it printed if it ends before. */
async function untilReady(holder: ReturnType<typeof spawn>): Promise<void> {
  const { stdout, stderr } = holder;
  if (stdout === null || stderr === null) throw new TypeError('the holder has no pipes');
  let complaint = '';
  stderr.setEncoding('utf8').on('data', (text: string) => (complaint = (complaint + text).slice(-2000)));
  const lines = createInterface({ input: stdout });
  const timeout = AbortSignal.timeout(START_TIMEOUT_MS);
  try {
    await Promise.race([
      once(lines, 'line', { signal: timeout }),
      once(holder, 'exit', { signal: timeout }).then(() => {
        throw new Error(`no private mount namespace can be made: ${complaint.trim()}`);
      }),
    ]);
  } finally {
    lines.close();
  }
}
