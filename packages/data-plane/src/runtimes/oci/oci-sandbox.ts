import { join } from 'node:path';
import type { RuntimeName } from '@caisson/protocol';
import { createWorkspaceFiles, SessionEngine } from '@caisson/session-agent';
import { CgroupUsageMeter, readMemory } from '../../limits/cgroup-usage.ts';
import { OpenCgroup } from '../../limits/open-cgroup.ts';
import { setSandboxWeight } from '../../limits/sandbox-weight.ts';
import { mountWorkspace } from '../../workspaces/workspace.ts';
import type { Sandbox, SandboxSpec } from '../runtime.ts';
import { closing, startContainer } from './container.ts';
import { sandboxConfig, sandboxOwner } from './container-config.ts';
import { INIT_PATH } from './oci-host.ts';
import type { OciHost } from './oci-host.ts';
import { OciSpawner } from './oci-spawner.ts';
import { readingEnd } from './process-pipes.ts';
import { processConfig } from './process-config.ts';

/** Makes a container of an OCI runtime (`crun` or `runc`) that runs an init and nothing else. */
export async function createOciSandbox(
  runtime: RuntimeName,
  host: OciHost,
  spec: SandboxSpec,
  signal: AbortSignal,
): Promise<Sandbox> {
  await using cleanup = new AsyncDisposableStack();
  const { resources, env } = spec;
  using stdio = closing(await host.pipes.takeEmpty());
  const container = await startContainer(
    { runtime, host, id: spec.id },
    cleanup,
    async (place) => {
      const workspace = join(place.directory, 'workspace');
      const owner = sandboxOwner(place.idRange);
      const { diskBytes } = resources;
      cleanup.use(
        await mountWorkspace(host.mountNamespace, { path: workspace, sizeBytes: diskBytes, owner }),
      );
      const init = processConfig({ argv: [INIT_PATH, '-P'], env, cwd: '/', resources, oomScoreAdj: 0 });
      const { idRange, cgroup } = place;
      const config = sandboxConfig({
        ...host,
        ...{ process: init, workspace, idRange, cgroupPath: cgroup.path, resources },
      });
      const none = readingEnd(stdio.fd);
      return { config, stdio: [none, none, none] };
    },
    signal,
  );
  const { directory, cgroup, firstPid, command } = container;
  const owner = sandboxOwner(container.idRange);
  const spawner = new OciSpawner(
    {
      ...{ directory, resources, env, owner, cgroup, firstPid },
      execCommand: (processFile, processPidFile) => [
        ...[...command, 'exec', '--process', processFile, '--pid-file', processPidFile],
        ...['--preserve-fds', '2', spec.id],
      ],
    },
    host,
  );
  const workspace = host.mountNamespace.resolve(join(directory, 'workspace'));
  const counters = cleanup.use(new OpenCgroup(cgroup));
  const agent = new SessionEngine({
    spawner,
    meter: new CgroupUsageMeter(counters, resources.memoryBytes),
    files: createWorkspaceFiles({ root: workspace, owner }),
    memoryLimitBytes: resources.memoryBytes,
    loopShare: host.loopShare,
  });
  cleanup.use(agent);
  const release = cleanup.move();
  let disposed: Promise<void> | undefined;
  return {
    id: spec.id,
    agent,
    isAlive: () => cgroup.processes().includes(firstPid),
    memoryBytes: () => readMemory(cgroup),
    setCpuWeight: (weight) => {
      setSandboxWeight(cgroup, weight);
    },
    pause: async (pauseSignal) => cgroup.freeze(pauseSignal),
    resume: async () => {
      cgroup.thaw();
      return Promise.resolve();
    },
    [Symbol.asyncDispose]: async () => (disposed ??= release.disposeAsync()),
  };
}
