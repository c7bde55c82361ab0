import { closeSync, constants, openSync } from 'node:fs';
import type { Socket } from 'node:net';
import type { Language } from '@caisson/protocol/api';
import { newSandboxId } from '@caisson/protocol/api';
import { SANDBOX_LAYOUT } from '@caisson/session-agent';
import type {
  ForkServer,
  ForkServers,
  Preload,
  RunnerLimits,
  RunnerSpec,
} from '../../../cells/fork-server/fork-server.ts';
import { ForkServerClient } from '../../../cells/fork-server/fork-server-client.ts';
import { readFirstLine } from '../../../cells/fork-server/lines.ts';
import { Slots } from '../../../cells/fork-server/slots.ts';
import { SANDBOX_USER } from '../../../templates/host-usr.ts';
import { closing, startContainer } from '../container/container.ts';
import type { Container, ContainerLayout } from '../container/container.ts';
import { O_PATH } from '../container/o-path.ts';
import { readingEnd } from '../container/process-pipes.ts';
import {
  DEVPTS_OPTIONS,
  MASKED_PATHS,
  NETWORK_SETTINGS,
  READ_ONLY_PATHS,
  runnerConfig,
} from '../config/container-config.ts';
import { RUNNER_NAMESPACE_LIMITS, SLOT_COUNT } from '../config/namespace-limits.ts';
import { BASE_ENVIRONMENT, forkServerConfig } from '../config/process-config.ts';
import { INIT_PATH } from '../host/oci-host.ts';
import type { OciHost } from '../host/oci-host.ts';
import type { OciRuntimeName } from '../oci-runtime-name.ts';
import { forkServerSeccomp } from '../seccomp/seccomp.ts';
import { choosePreload } from './preloads.ts';

const START_TIMEOUT_MS = 30_000;
const MAX_COMPLAINT_CHARACTERS = 4000;

const SERVER_ENVIRONMENT = {
  PATH: '/usr/bin:/bin',
  LANG: 'C.UTF-8',
  HOME: '/run',
  // Else each cell would look up the same symbols anew.
  LD_BIND_NOW: '1',
  // A thread of the server would be missing in its children, with whatever it holds.
  OPENBLAS_NUM_THREADS: '1',
  OMP_NUM_THREADS: '1',
  NUMEXPR_NUM_THREADS: '1',
  MPLBACKEND: 'Agg',
  MPLCONFIGDIR: '/run/matplotlib',
};

/** Fork servers of Python in containers of an OCI runtime on this host. */
export class OciForkServers implements ForkServers {
  readonly languages: readonly Language[] = ['python'];
  /** With all that the server has imported, and the page tables of its children. */
  readonly limits: RunnerLimits = { memoryBytes: 1024 * 2 ** 20, pids: 4 * SLOT_COUNT };
  readonly #runtime: OciRuntimeName;
  readonly #host: OciHost;
  readonly #seccompProgram: Buffer;

  /** @param seccompProgram what each cell is under beside the list of the fork server, compiled */
  constructor(runtime: OciRuntimeName, host: OciHost, seccompProgram: Buffer) {
    this.#runtime = runtime;
    this.#host = host;
    this.#seccompProgram = seccompProgram;
  }

  choosePreload(code: string): Preload {
    return choosePreload(code);
  }

  async start(spec: RunnerSpec, signal: AbortSignal): Promise<ForkServer> {
    const deadline = AbortSignal.any([signal, AbortSignal.timeout(START_TIMEOUT_MS)]);
    await using runner = new AsyncDisposableStack();
    const { slots, explain, ...container } = await this.#startServer(spec, runner, deadline);
    const root = runner.use(openRoot(container));
    const client = await ForkServerClient.connect(
      { root: root.path, slots, explain, [Symbol.asyncDispose]: async () => release.disposeAsync() },
      deadline,
    );
    const release = runner.move();
    return client;
  }

  async #startServer({ root, preload }: RunnerSpec, cleanup: AsyncDisposableStack, signal: AbortSignal) {
    const host = this.#host;
    using stdin = closing(await host.pipes.takeEmpty());
    using ends = new DisposableStack();
    let readers: { stdout: Socket; complaint: () => string } | undefined;
    let slots: Slots | undefined;
    const container = await startContainer(
      {
        runtime: this.#runtime,
        host,
        id: newSandboxId(),
        root,
        namespaceLimits: RUNNER_NAMESPACE_LIMITS,
      },
      cleanup,
      async (layout) => {
        const owner = { uid: layout.idRange.firstHostId, gid: layout.idRange.firstHostId };
        const [stdout, stderr] = [await host.pipes.takeOutput(owner), await host.pipes.takeOutput(owner)];
        for (const pipe of [stdout, stderr]) {
          ends.defer(pipe.closeWriter);
          cleanup.defer(() => {
            pipe.reader.destroy();
          });
        }
        readers = { stdout: stdout.reader, complaint: keepTail(stderr.reader) };
        slots = cleanup.use(new Slots(host.cgroups, layout.cgroup, SLOT_COUNT));
        return {
          config: this.#config(layout, preload, slots),
          stdio: [readingEnd(stdin.fd), stdout.writer, stderr.writer],
          descriptors: slots.descriptors.flat().map((fd) => ({ fd, flags: constants.O_WRONLY })),
        };
      },
      signal,
    );
    ends.dispose();
    if (readers === undefined || slots === undefined) throw new TypeError('the container was not planned');
    const { stdout, complaint } = readers;
    const explain = (reason: unknown) => new Error(`${String(reason)}; ${complaint()}`, { cause: reason });
    try {
      await readFirstLine(stdout, signal);
    } catch (error) {
      throw explain(error);
    }
    return { ...container, slots, explain };
  }

  #config(layout: ContainerLayout, preload: Preload, slots: Slots): object {
    const { emptyDirectory, seccomp } = this.#host;
    const server = {
      preload: preload.modules,
      slots: slots.descriptors.map(({ length }) => length),
      init: INIT_PATH,
      masked_paths: MASKED_PATHS,
      read_only_paths: READ_ONLY_PATHS,
      network_settings: NETWORK_SETTINGS,
      devpts_options: DEVPTS_OPTIONS.join(','),
      user: { uid: SANDBOX_USER.uid, gid: SANDBOX_USER.gid },
      seccomp: this.#seccompProgram.toString('base64'),
      environment: BASE_ENVIRONMENT,
    };
    const program = `${SANDBOX_LAYOUT.kernelsDirectory}/python/fork_server.py`;
    const argv = ['/usr/bin/python3', '-I', '-S', '-u', '-X', 'utf8', program, JSON.stringify(server)];
    return runnerConfig({
      process: forkServerConfig(argv, SERVER_ENVIRONMENT),
      root: layout.root,
      mounts: layout.mounts,
      emptyDirectory,
      idRange: layout.idRange,
      userNamespace: layout.userNamespace,
      // Beside its cells, which count and limit themselves.
      cgroupPath: `${layout.cgroup.path}/server`,
      seccomp: forkServerSeccomp(seccomp),
      limits: this.limits,
    });
  }
}

/** The root of the container by a descriptor: whatever becomes of the number of its process, this stays the same. */
function openRoot({ firstPid, cgroup }: Container): Disposable & { readonly path: string } {
  const fd = openSync(`/proc/${firstPid}/root`, O_PATH | constants.O_DIRECTORY);
  if (!cgroup.processes().includes(firstPid)) {
    closeSync(fd);
    throw new Error('the fork server has ended');
  }
  return {
    path: `/proc/self/fd/${fd}`,
    [Symbol.dispose]: () => {
      closeSync(fd);
    },
  };
}

/** Reads to the end of the stream and keeps the last of it. */
function keepTail(stream: Socket): () => string {
  let tail = '';
  stream.setEncoding('utf8');
  stream.on('error', () => undefined);
  stream.on('data', (text: string) => (tail = (tail + text).slice(-MAX_COMPLAINT_CHARACTERS)));
  return () => tail.trim();
}
