import { closeSync, existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { RuntimeName } from '@caisson/protocol';
import { createWorkspaceFiles, SessionEngine } from '@caisson/session-agent';
import { Cgroup } from '../../limits/cgroup.ts';
import type { CgroupLayout } from '../../limits/cgroup-layout.ts';
import { CgroupUsageMeter } from '../../limits/cgroup-usage.ts';
import type { IdRanges } from '../../limits/id-ranges.ts';
import type { Instance } from '../../sandboxes/instance.ts';
import type { ReadOnlyMount, RootFileSystem } from '../../templates/root-file-system.ts';
import { mountWorkspace } from '../../workspaces/workspace.ts';
import type { Sandbox, SandboxSpec } from '../runtime.ts';
import { runDetaching } from './command.ts';
import { containerConfig, sandboxOwner } from './container-config.ts';
import type { MountNamespace } from './mount-namespace.ts';
import { OciSpawner } from './oci-spawner.ts';
import type { OutputPipes } from './output-pipes.ts';
import { processConfig } from './process-config.ts';
import type { SeccompConfig } from './seccomp.ts';

export const INIT_PATH = '/opt/caisson/init';
const CREATE_TIMEOUT_MS = 20_000;
const DESTROY_TIMEOUT_MS = 20_000;

/** What every sandbox of an OCI runtime is made with. */
export interface OciHost {
  readonly instance: Instance;
  readonly layout: CgroupLayout;
  readonly mountNamespace: MountNamespace;
  readonly idRanges: IdRanges;
  readonly pipes: OutputPipes;
  readonly root: RootFileSystem;
  readonly mounts: readonly ReadOnlyMount[];
  readonly seccomp: SeccompConfig;
}

/** Makes a container of an OCI runtime (`crun` or `runc`) that runs an init and nothing else. */
export async function createOciSandbox(
  runtime: RuntimeName,
  host: OciHost,
  spec: SandboxSpec,
  signal: AbortSignal,
): Promise<Sandbox> {
  await using cleanup = new AsyncDisposableStack();
  const deadline = AbortSignal.any([signal, AbortSignal.timeout(CREATE_TIMEOUT_MS)]);
  const runtimeRoot = join(host.instance.directory, runtime);
  const directory = join(host.instance.directory, 'sandboxes', spec.id);
  mkdirSync(directory, { recursive: true, mode: 0o711 });
  cleanup.defer(() => {
    rmSync(directory, { recursive: true, force: true });
  });
  const idRange = cleanup.use(host.idRanges.take());
  const owner = sandboxOwner(idRange);
  const workspace = join(directory, 'workspace');
  const { diskBytes } = spec.resources;
  const runInNamespace = host.mountNamespace.run.bind(host.mountNamespace);
  cleanup.use(
    await mountWorkspace(runInNamespace, { path: workspace, sizeBytes: diskBytes, owner }, deadline),
  );

  const cgroup = new Cgroup(host.layout, `${host.instance.cgroupPath}/${spec.id}`);
  cleanup.defer(async () => {
    // The container's state goes by hand, not by the runtime's `delete`, which a wedged container can make wait.
    const limit = AbortSignal.timeout(DESTROY_TIMEOUT_MS);
    await cgroup.kill(limit);
    await cgroup.remove(limit);
    rmSync(join(runtimeRoot, spec.id), { recursive: true, force: true });
  });
  const { resources, env } = spec;
  const init = processConfig({ argv: [INIT_PATH, '-P'], env, cwd: '/', resources, oomScoreAdj: 0 });
  const config = containerConfig({
    ...host,
    process: init,
    workspace,
    idRange,
    cgroupPath: cgroup.path,
    resources,
  });
  writeFileSync(join(directory, 'config.json'), JSON.stringify(config), { mode: 0o600 });
  const pidFile = join(directory, 'pid');
  const command = [runtime, '--root', runtimeRoot];
  const logFile = join(directory, 'log');
  using stdio = closing(await host.pipes.takeEmpty());
  await runDetaching(
    host.mountNamespace.enter([
      ...[...command, '--log', logFile, 'run', '--detach'],
      ...['--bundle', directory, '--pid-file', pidFile, spec.id],
    ]),
    {
      stdio: stdio.fd,
      timeoutMs: CREATE_TIMEOUT_MS,
      signal: deadline,
      readComplaint: () => (existsSync(logFile) ? readFileSync(logFile, 'utf8').slice(-2000) : ''),
    },
  );
  const firstPid = Number(readFileSync(pidFile, 'utf8'));

  const spawner = new OciSpawner(
    {
      ...{ directory, resources, env, owner, cgroup, firstPid },
      execCommand: (processFile, processPidFile) =>
        host.mountNamespace.enter([
          ...[...command, 'exec', '--process', processFile, '--pid-file', processPidFile],
          ...['--preserve-fds', '1', spec.id],
        ]),
    },
    host.pipes,
  );
  const agent = new SessionEngine({
    spawner,
    meter: new CgroupUsageMeter(cgroup, resources.memoryBytes),
    files: createWorkspaceFiles({ root: host.mountNamespace.resolve(workspace), owner }),
    memoryLimitBytes: resources.memoryBytes,
  });
  cleanup.use(agent);
  const release = cleanup.move();
  let disposed: Promise<void> | undefined;
  return {
    id: spec.id,
    agent,
    isAlive: () => cgroup.processes().includes(firstPid),
    pause: async (pauseSignal) => cgroup.freeze(pauseSignal),
    resume: async () => {
      cgroup.thaw();
      return Promise.resolve();
    },
    [Symbol.asyncDispose]: async () => (disposed ??= release.disposeAsync()),
  };
}

function closing(fd: number): Disposable & { readonly fd: number } {
  return {
    fd,
    [Symbol.dispose]: () => {
      closeSync(fd);
    },
  };
}
