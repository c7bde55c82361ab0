import { spawn } from 'node:child_process';
import { closeSync, constants, openSync } from 'node:fs';
import { createInterface } from 'node:readline';
import type { Readable } from 'node:stream';
import { once } from 'node:events';
import { HOST_COMMAND_ENVIRONMENT } from './command.ts';
import { O_PATH } from './o-path.ts';

/** Mounts made in the namespace before anything else runs there. */
export interface Preparation {
  /** Mount points to leave out. */
  readonly unmount: readonly string[];
  /** Bind mounts; the target exists. */
  readonly bind: readonly { readonly source: string; readonly target: string }[];
}

/**
 * Takes paths and options from its arguments and its standard input only, so that they are never part of the program.
 * Afterwards it makes and ends mounts, a line each: for this small process that takes far less time than to start a
 * program from a large one. When its standard input closes, it ends.
 */
const HOLDER_PROGRAM = `
set -eu
count=$1; shift
while [ "$count" -gt 0 ]; do umount "$1"; shift; count=$((count - 1)); done
while [ $# -gt 1 ]; do mount --bind "$1" "$2"; shift 2; done
message=
echo ready
while IFS=' ' read -r verb options path; do
  case $verb in
    mount) message=$(mount -t tmpfs -o "$options" caisson-workspace "$path" 2>&1) ;;
    umount) message=$(umount --lazy "$path" 2>&1) ;;
    *) false ;;
  esac && echo ok || echo "failed $(echo "$message" | tr '\\n' ' ')"
done
`;
const START_TIMEOUT_MS = 10_000;
const MOUNT_TIMEOUT_MS = 10_000;

/**
 * A private copy of the host's mounts, in which the OCI runtime runs and workspaces are mounted. It is held by a small
 * process whose standard input is a pipe from here: when this server ends, be it by SIGKILL, that process ends too,
 * and the kernel removes every mount that was made here.
 */
export class MountNamespace implements AsyncDisposable {
  readonly #holder: ReturnType<typeof spawn>;
  readonly #namespaceFd: number;
  readonly #rootFd: number;
  /** Answers come in the order of the questions; one that nobody waits for any more keeps its place. */
  readonly #asked: PromiseWithResolvers<string>[] = [];

  private constructor(
    holder: ReturnType<typeof spawn>,
    lines: Readable,
    namespaceFd: number,
    rootFd: number,
  ) {
    this.#holder = holder;
    this.#namespaceFd = namespaceFd;
    this.#rootFd = rootFd;
    createInterface({ input: lines }).on('line', (line) => this.#asked.shift()?.resolve(line));
    holder.once('exit', () => {
      for (const { reject } of this.#asked.splice(0)) reject(new Error('the mount namespace has ended'));
    });
    holder.stdin?.on('error', () => undefined);
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
      const lines = await untilReady(holder);
      const fd = (name: string, flags: number) => openSync(`/proc/${holder.pid}/${name}`, flags);
      return new MountNamespace(
        holder,
        lines,
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

  /** Mounts a file system in memory at `path`, a directory. @throws Error with what mount(8) said */
  async mountTmpfs(path: string, options: readonly string[]): Promise<void> {
    await this.#ask(`mount ${options.join(',')} ${path}`);
  }

  /** Takes a mount away: at once for whoever looks for it, wholly when its last open file is closed. */
  async unmount(path: string): Promise<void> {
    await this.#ask(`umount - ${path}`);
  }

  async #ask(line: string): Promise<void> {
    if (line.includes('\n')) throw new Error('a path with a line break cannot be mounted');
    const answer = Promise.withResolvers<string>();
    this.#asked.push(answer);
    this.#holder.stdin?.write(`${line}\n`);
    const timeout = setTimeout(() => {
      answer.reject(new Error(`no mount was made or ended within ${MOUNT_TIMEOUT_MS} ms`));
    }, MOUNT_TIMEOUT_MS);
    try {
      const text = await answer.promise;
      if (text !== 'ok') throw new Error(`${line.split(' ', 1)[0]}: ${text}`);
    } finally {
      clearTimeout(timeout);
    }
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
async function untilReady(holder: ReturnType<typeof spawn>): Promise<Readable> {
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
    return stdout;
  } finally {
    lines.close();
  }
}
