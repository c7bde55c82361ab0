import { closeSync, rmSync, writeFileSync } from 'node:fs';
import type { Socket } from 'node:net';
import { join } from 'node:path';
import type { Process, Processes, ProcessRequest, Resources } from '@caisson/protocol/ports';
import { byteChannel, byteSource, channelWriter, kernelOf } from '@caisson/session-agent';
import type { KernelRequest, KernelSpawner, SpawnedKernel } from '@caisson/session-agent';
import type { Cgroup } from '../../cgroups/cgroup.ts';
import type { SandboxPause } from '../../pausing/sandbox-pause.ts';
import { killTree } from './container/kill-tree.ts';
import type { InheritedFd } from './mount-namespace/mount-namespace.ts';
import type { OciHost } from './host/oci-host.ts';
import { OciProcess, refused } from './oci-process.ts';
import { readingEnd } from './container/process-pipes.ts';
import { processConfig } from './config/process-config.ts';

/** Killed before the sandbox's first process, whose end would end the sandbox. */
const OOM_SCORE_ADJ = 500;
const KILL_TIMEOUT_MS = 5_000;
const START_TIMEOUT_MS = 10_000;
/** crun 1.8 fails now and then to enter a container that has only just started (`setns: Operation not permitted`). */
const START_ATTEMPTS = 3;

/** The sandbox that a spawner starts processes in. */
export interface SpawnTarget {
  /** Directory of the sandbox's own in the mount namespace, for the files that the runtime reads and writes. */
  readonly directory: string;
  readonly resources: Resources;
  readonly env: Readonly<Record<string, string>>;
  readonly owner: { readonly uid: number; readonly gid: number };
  readonly cgroup: Cgroup;
  readonly pause: SandboxPause;
  /** Host pid of the sandbox's first process. */
  readonly firstPid: number;
  /**
   * The command that starts the process described in the file `processFile`, with the standard streams and `more` descriptors
   * from 3 on, and writes `pidFile`.
   */
  execCommand(processFile: string, pidFile: string, more: number): readonly string[];
}

/** What a process gets from this server: its standard input, and what it has from descriptor 3 on. */
interface Inherited {
  readonly stdin: InheritedFd;
  /** The other end of its standard input. */
  readonly writer?: Socket;
  readonly more: readonly InheritedFd[];
}

/**
 * Starts processes with the runtime's `exec`, each by a full process specification: without one, it would run as root.
 * Disposing, when the sandbox has ended, gives back the descriptors of processes that nobody disposed of.
 */
export class OciSpawner implements KernelSpawner, Processes, Disposable {
  readonly #target: SpawnTarget;
  readonly #host: Pick<OciHost, 'mountNamespace' | 'pipes'>;
  readonly #live = new Set<OciProcess>();
  readonly #undisposed = new Set<OciProcess>();
  #count = 0;

  constructor(target: SpawnTarget, host: Pick<OciHost, 'mountNamespace' | 'pipes'>) {
    this.#target = target;
    this.#host = host;
  }

  async spawnKernel(request: KernelRequest, signal: AbortSignal): Promise<SpawnedKernel> {
    signal.throwIfAborted();
    const { pipes } = this.#host;
    using ends = new DisposableStack();
    using undo = new DisposableStack();
    const stdin = readingEnd(ends.adopt(await pipes.takeEmpty(), closeSync));
    const toEngine = await pipes.takeOutput();
    ends.defer(toEngine.closeWriter);
    undo.adopt(toEngine.reader, destroy);
    const toKernel = await pipes.takeInput();
    ends.defer(toKernel.closeReader);
    undo.adopt(toKernel.writer, destroy);
    const process = await this.#exec(request, { stdin, more: [toKernel.reader, toEngine.writer] });
    undo.move();
    return kernelOf(process, byteChannel(byteSource(toEngine.reader), channelWriter(toKernel.writer)));
  }

  async start(request: ProcessRequest, signal: AbortSignal): Promise<Process> {
    if (request.terminal !== null) throw refused('terminal', 'is not available in this sandbox');
    const deadline = AbortSignal.any([signal, AbortSignal.timeout(START_TIMEOUT_MS)]);
    for (let attempt = 1; attempt <= START_ATTEMPTS; attempt += 1) {
      deadline.throwIfAborted();
      await using undo = new AsyncDisposableStack();
      const process = undo.use(await this.#execWithStdin(request));
      const hasStarted = await process.hasStarted(deadline);
      undo.move();
      if (hasStarted) {
        this.#undisposed.add(process);
        return process;
      }
      // Not disposed: a kill would also end what other processes left running.
      process.close();
    }
    throw refused('argv', `"${request.argv[0]}" could not be started in "${request.cwd}"`);
  }

  [Symbol.dispose](): void {
    for (const process of this.#undisposed) process.close();
  }

  async #execWithStdin(request: ProcessRequest): Promise<OciProcess> {
    const { pipes } = this.#host;
    using ends = new DisposableStack();
    if (!request.stdin) {
      const stdin = readingEnd(ends.adopt(await pipes.takeEmpty(), closeSync));
      return await this.#exec(request, { stdin, more: [] });
    }
    using undo = new DisposableStack();
    const { reader, closeReader, writer } = await pipes.takeInput(this.#target.owner);
    ends.defer(closeReader);
    undo.adopt(writer, destroy);
    const process = await this.#exec(request, { stdin: reader, writer, more: [] });
    undo.move();
    return process;
  }

  async #exec(request: KernelRequest, { stdin, writer, more }: Inherited): Promise<OciProcess> {
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
    using undo = new DisposableStack();
    writeFileSync(seen.processFile, JSON.stringify(config), { mode: 0o600 });
    const forget = () => {
      rmSync(seen.processFile, { force: true });
      rmSync(seen.pidFile, { force: true });
    };
    undo.defer(forget);
    using ends = new DisposableStack();
    const takeOutput = async () => {
      const pipe = await pipes.takeOutput(target.owner);
      ends.defer(pipe.closeWriter);
      undo.adopt(pipe.reader, destroy);
      return pipe;
    };
    const [stdout, stderr] = [await takeOutput(), await takeOutput()];
    const files = [stdin, stdout.writer, stderr.writer, ...more];
    const command = target.execCommand(processFile, pidFile, more.length);
    const program = await mountNamespace.start(command, files);
    undo.move();
    const streams = { stdin: writer ?? null, stdout: stdout.reader, stderr: stderr.reader };
    const process: OciProcess = new OciProcess(program, streams, seen.pidFile, {
      killTree: async () => this.#kill(process),
      onDisposed: () => this.#undisposed.delete(process),
    });
    this.#live.add(process);
    const end = () => {
      this.#live.delete(process);
      forget();
    };
    process.exited.then(end, end);
    return process;
  }

  async #kill(killed: OciProcess): Promise<void> {
    const { cgroup, firstPid } = this.#target;
    // The end of the sandbox was the end of all in it.
    if (!cgroup.processes().includes(firstPid)) return;
    const others = [...this.#live].filter((process) => process !== killed);
    const spared = new Set(others.flatMap((process) => process.pid() ?? []));
    await killTree(this.#target, spared, AbortSignal.timeout(KILL_TIMEOUT_MS));
  }
}

function destroy(socket: Socket): void {
  socket.destroy();
}
