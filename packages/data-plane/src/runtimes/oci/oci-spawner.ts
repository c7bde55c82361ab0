import { spawn } from 'node:child_process';
import type { ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { closeSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { constants } from 'node:os';
import { join } from 'node:path';
import type { Duplex } from 'node:stream';
import type { Resources } from '@caisson/protocol';
import type { ProcessExit, SpawnedProcess, Spawner, SpawnRequest } from '@caisson/session-agent';
import type { Cgroup } from '../../limits/cgroup.ts';
import { sendSignal } from '../../limits/cgroup.ts';
import { HOST_COMMAND_ENVIRONMENT } from './command.ts';
import { killTree } from './kill-tree.ts';
import type { OutputPipe, OutputPipes } from './output-pipes.ts';
import { processConfig } from './process-config.ts';

/** Killed before the sandbox's first process, whose end would end the sandbox. */
const OOM_SCORE_ADJ = 500;
const KILL_TIMEOUT_MS = 5_000;

/** What a spawner needs to know of its sandbox. */
export interface SpawnTarget {
  /** Directory of the sandbox's own, for the files that the runtime reads and writes. */
  readonly directory: string;
  readonly resources: Resources;
  readonly env: Readonly<Record<string, string>>;
  readonly owner: { readonly uid: number; readonly gid: number };
  readonly cgroup: Cgroup;
  /** Host pid of the sandbox's first process. */
  readonly firstPid: number;
  /** The command that starts the process described in the file `processFile`, with descriptor 3, and writes `pidFile`. */
  execCommand(processFile: string, pidFile: string): [string, ...string[]];
}

/** Starts processes with the runtime's `exec`, each with a full process specification: without one, it runs as root. */
export class OciSpawner implements Spawner {
  readonly #target: SpawnTarget;
  readonly #pipes: OutputPipes;
  readonly #live = new Set<OciProcess>();
  #count = 0;
  #lastKill: Promise<void> = Promise.resolve();

  constructor(target: SpawnTarget, pipes: OutputPipes) {
    this.#target = target;
    this.#pipes = pipes;
  }

  async spawn(request: SpawnRequest, signal: AbortSignal): Promise<SpawnedProcess> {
    signal.throwIfAborted();
    const target = this.#target;
    const name = String(this.#count++);
    const processFile = join(target.directory, `process-${name}.json`);
    const pidFile = join(target.directory, `pid-${name}`);
    const { argv, cwd } = request;
    const env = { ...target.env, ...request.env };
    const config = processConfig({ argv, cwd, env, resources: target.resources, oomScoreAdj: OOM_SCORE_ADJ });
    writeFileSync(processFile, JSON.stringify(config), { mode: 0o600 });
    using ends = new DisposableStack();
    const stdin = ends.adopt(await this.#pipes.takeEmpty(), closeSync);
    const stdout = await this.#pipes.take(target.owner);
    ends.defer(stdout.closeWriter);
    const stderr = await takeOther(stdout, this.#pipes, target.owner);
    ends.defer(stderr.closeWriter);
    const [program, ...args] = target.execCommand(processFile, pidFile);
    const child = spawn(program, args, {
      stdio: [stdin, stdout.writerFd, stderr.writerFd, 'pipe'],
      env: HOST_COMMAND_ENVIRONMENT,
      detached: true,
    });
    const process = new OciProcess(child, stdout, stderr, pidFile, async () => {
      await this.#kill(process);
    });
    this.#live.add(process);
    const forget = () => {
      this.#live.delete(process);
      rmSync(processFile, { force: true });
      rmSync(pidFile, { force: true });
    };
    process.exited.then(forget, forget);
    return process;
  }

  /** One kill after the other: each freezes the sandbox and thaws it again, which would undo another's freeze. */
  async #kill(killed: OciProcess): Promise<void> {
    const turn = this.#lastKill.then(async () => {
      const others = [...this.#live].filter((process) => process !== killed);
      const spared = new Set(others.flatMap((process) => process.pid() ?? []));
      const { cgroup, firstPid } = this.#target;
      await killTree(cgroup, firstPid, spared, AbortSignal.timeout(KILL_TIMEOUT_MS));
    });
    this.#lastKill = turn.catch(() => undefined);
    await turn;
  }
}

/** The second of two pipes; if it cannot be had, the first is closed. */
async function takeOther(
  first: OutputPipe,
  pipes: OutputPipes,
  owner: SpawnTarget['owner'],
): Promise<OutputPipe> {
  try {
    return await pipes.take(owner);
  } catch (error) {
    first.reader.destroy();
    throw error;
  }
}

class OciProcess implements SpawnedProcess {
  readonly stdout: Duplex;
  readonly stderr: Duplex;
  readonly control: Duplex;
  readonly exited: Promise<ProcessExit>;
  readonly #child: ChildProcess;
  readonly #pidFile: string;
  readonly #killTree: () => Promise<void>;

  constructor(
    child: ChildProcess,
    stdout: OutputPipe,
    stderr: OutputPipe,
    pidFile: string,
    killTree: () => Promise<void>,
  ) {
    this.#child = child;
    this.#pidFile = pidFile;
    this.#killTree = killTree;
    this.stdout = stdout.reader;
    this.stderr = stderr.reader;
    this.control = child.stdio[3] as Duplex;
    this.exited = waitForExit(child);
  }

  /** Its pid on the host, once the runtime has started it and until it has ended. */
  pid(): number | undefined {
    if (this.#child.exitCode !== null || this.#child.signalCode !== null) return undefined;
    try {
      const pid = Number(readFileSync(this.#pidFile, 'utf8'));
      return pid > 0 ? pid : undefined;
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
      throw error;
    }
  }

  async interrupt(): Promise<void> {
    // The runtime's process waits for it as its parent would, so the pid is not another's while that one lives.
    const pid = this.pid();
    if (pid !== undefined) sendSignal(pid, 'SIGINT');
    return Promise.resolve();
  }

  async kill(): Promise<void> {
    await this.#killTree();
    // It is not in the sandbox, and would wait for ever if the process was never started.
    this.#child.kill('SIGKILL');
    await this.exited;
  }
}

async function waitForExit(child: ChildProcess): Promise<ProcessExit> {
  try {
    const [code, signal] = (await once(child, 'exit')) as [number | null, NodeJS.Signals | null];
    return signal === null ? fromStatus(code ?? 1) : { exitCode: null, signal };
  } catch {
    // It could not be started at all: as the shell says it.
    return { exitCode: 127, signal: null };
  }
}

/** The runtime ends as its process did, with 128 and the number of the signal where it was a signal. */
function fromStatus(status: number): ProcessExit {
  const name = Object.entries(constants.signals).find(([, number]) => number === status - 128)?.[0];
  return name === undefined
    ? { exitCode: status, signal: null }
    : { exitCode: null, signal: name as NodeJS.Signals };
}
