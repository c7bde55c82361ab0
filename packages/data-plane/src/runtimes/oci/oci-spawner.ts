import { closeSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import type { Socket } from 'node:net';
import { join } from 'node:path';
import type { Resources } from '@caisson/protocol';
import { byteChannel, byteSource } from '@caisson/session-agent';
import type {
  ByteChannel,
  ByteSource,
  ProcessExit,
  SpawnedProcess,
  Spawner,
  SpawnRequest,
} from '@caisson/session-agent';
import type { Cgroup } from '../../cgroups/cgroup.ts';
import { sendSignal } from '../../cgroups/cgroup.ts';
import { signalName } from '../../signal-name.ts';
import { killTree } from './container/kill-tree.ts';
import type { Program } from './mount-namespace/mount-namespace.ts';
import type { OciHost } from './host/oci-host.ts';
import { readingEnd } from './container/process-pipes.ts';
import type { InputPipe, OutputPipe } from './container/process-pipes.ts';
import { processConfig } from './config/process-config.ts';

/** Killed before the sandbox's first process, whose end would end the sandbox. */
const OOM_SCORE_ADJ = 500;
const KILL_TIMEOUT_MS = 5_000;

/** The sandbox that a spawner starts processes in. */
export interface SpawnTarget {
  /** Directory of the sandbox's own in the mount namespace, for the files that the runtime reads and writes. */
  readonly directory: string;
  readonly resources: Resources;
  readonly env: Readonly<Record<string, string>>;
  readonly owner: { readonly uid: number; readonly gid: number };
  readonly cgroup: Cgroup;
  /** Host pid of the sandbox's first process. */
  readonly firstPid: number;
  /** The command that starts the process described in the file `processFile`, with descriptors 3 and 4, and writes `pidFile`. */
  execCommand(processFile: string, pidFile: string): readonly string[];
}

/** Starts processes with the runtime's `exec`, each by a full process specification: without one, it would run as root. */
export class OciSpawner implements Spawner {
  readonly #target: SpawnTarget;
  readonly #host: Pick<OciHost, 'mountNamespace' | 'pipes'>;
  readonly #live = new Set<OciProcess>();
  #count = 0;
  #lastKill: Promise<void> = Promise.resolve();

  constructor(target: SpawnTarget, host: Pick<OciHost, 'mountNamespace' | 'pipes'>) {
    this.#target = target;
    this.#host = host;
  }

  async spawn(request: SpawnRequest, signal: AbortSignal): Promise<SpawnedProcess> {
    signal.throwIfAborted();
    const target = this.#target;
    const { mountNamespace, pipes } = this.#host;
    const name = String(this.#count++);
    const processFile = join(target.directory, `process-${name}.json`);
    const pidFile = join(target.directory, `pid-${name}`);
    const seen = {
      processFile: mountNamespace.resolve(processFile),
      pidFile: mountNamespace.resolve(pidFile),
    };
    const { argv, cwd } = request;
    const env = { ...target.env, ...request.env };
    const config = processConfig({ argv, cwd, env, resources: target.resources, oomScoreAdj: OOM_SCORE_ADJ });
    await using undo = new AsyncDisposableStack();
    writeFileSync(seen.processFile, JSON.stringify(config), { mode: 0o600 });
    const forget = () => {
      rmSync(seen.processFile, { force: true });
      rmSync(seen.pidFile, { force: true });
    };
    undo.defer(forget);
    using ends = new DisposableStack();
    const stdin = ends.adopt(await pipes.takeEmpty(), closeSync);
    const takeOutput = async (owner?: SpawnTarget['owner']): Promise<OutputPipe> => {
      const pipe = await pipes.takeOutput(owner);
      ends.defer(pipe.closeWriter);
      undo.adopt(pipe.reader, destroy);
      return pipe;
    };
    const [stdout, stderr] = [await takeOutput(target.owner), await takeOutput(target.owner)];
    const toEngine = await takeOutput();
    const toKernel = await pipes.takeInput();
    ends.defer(toKernel.closeReader);
    undo.adopt(toKernel.writer, destroy);
    const files = [readingEnd(stdin), stdout.writer, stderr.writer, toKernel.reader, toEngine.writer];
    const program = await mountNamespace.start(target.execCommand(processFile, pidFile), files);
    undo.move();
    const ours = { stdout, stderr, toEngine, toKernel };
    const process = new OciProcess(program, ours, seen.pidFile, async () => {
      await this.#kill(process);
    });
    this.#live.add(process);
    const end = () => {
      this.#live.delete(process);
      forget();
    };
    process.exited.then(end, end);
    return process;
  }

  /** One kill at a time: each freezes the sandbox and thaws it again, which would undo another's freeze. */
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

class OciProcess implements SpawnedProcess {
  readonly stdout: ByteSource;
  readonly stderr: ByteSource;
  readonly control: ByteChannel;
  readonly exited: Promise<ProcessExit>;
  readonly #program: Program;
  readonly #pidFile: string;
  readonly #killTree: () => Promise<void>;
  #ended = false;

  constructor(
    program: Program,
    pipes: Record<'stdout' | 'stderr' | 'toEngine', OutputPipe> & { readonly toKernel: InputPipe },
    pidFile: string,
    killTree: () => Promise<void>,
  ) {
    this.#program = program;
    this.#pidFile = pidFile;
    this.#killTree = killTree;
    this.stdout = byteSource(pipes.stdout.reader);
    this.stderr = byteSource(pipes.stderr.reader);
    this.control = byteChannel(pipes.toEngine.reader, pipes.toKernel.writer);
    this.exited = this.#waitForExit();
  }

  /** Its pid on the host, once the runtime has started it and until it has ended. */
  pid(): number | undefined {
    if (this.#ended) return undefined;
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
    // It is outside the sandbox, and would wait for ever if the process was never started.
    this.#program.kill();
    await this.exited;
  }

  async #waitForExit(): Promise<ProcessExit> {
    try {
      const code = await this.#program.exited;
      return code < 0 ? { exitCode: null, signal: signalName(-code) ?? 'SIGKILL' } : fromStatus(code);
    } catch {
      // The namespace helper has ended, and with it every process of the sandbox.
      return { exitCode: null, signal: 'SIGKILL' };
    } finally {
      this.#ended = true;
    }
  }
}

function destroy(socket: Socket): void {
  socket.destroy();
}

/** The runtime exits with the code of its process, or with 128 plus the number of the signal that ended it. */
function fromStatus(status: number): ProcessExit {
  const signal = signalName(status - 128);
  return signal === undefined ? { exitCode: status, signal: null } : { exitCode: null, signal };
}
