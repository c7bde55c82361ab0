import { statfsSync } from 'node:fs';
import { join } from 'node:path';
import type { RuntimeName } from '@caisson/protocol';
import { CgroupUsageMeter, createWorkspaceFiles, SessionEngine } from '@caisson/session-agent';
import { SandboxPause } from '../../pausing/sandbox-pause.ts';
import { mountWorkspace } from '../../workspaces/workspace.ts';
import type { CpuWeight, Sandbox, SandboxSpec } from '../runtime.ts';
import { closing, startContainer } from './container/container.ts';
import { sandboxConfig, sandboxOwner } from './config/container-config.ts';
import { SANDBOX_NAMESPACE_LIMITS } from './config/namespace-limits.ts';
import { INIT_PATH } from './host/oci-host.ts';
import type { OciHost } from './host/oci-host.ts';
import { OciSpawner } from './oci-spawner.ts';
import { readingEnd } from './container/process-pipes.ts';
import { processConfig } from './config/process-config.ts';

/** In busy processes of the host: how much a sandbox counts beside the others of the same instance. */
const CPU_WEIGHTS: Readonly<Record<CpuWeight, number>> = { normal: 1, low: 1 / 16 };

/** Makes a container of an OCI runtime (`crun` or `runc`) that runs an init and nothing else. */
export async function createOciSandbox(
  runtime: RuntimeName,
  host: OciHost,
  spec: SandboxSpec,
  signal: AbortSignal,
): Promise<Sandbox> {
  await using cleanup = new AsyncDisposableStack();
  // Given back last: at the end of its input, a process would do more than end.
  const descriptors = cleanup.use(new DisposableStack());
  const { resources, env } = spec;
  const isOnDisk = resources.diskBytes > host.capacity.diskWorkspaceBeyondBytes;
  if (isOnDisk && host.diskDirectory === undefined)
    throw new Error('no workspace of this size can be made here');
  // What lies on disk counts nowhere as memory.
  const limited = isOnDisk ? { ...resources, diskBytes: 0 } : resources;
  using stdio = closing(await host.pipes.takeEmpty());
  const container = await startContainer(
    { runtime, host, id: spec.id, namespaceLimits: SANDBOX_NAMESPACE_LIMITS },
    cleanup,
    async (place) => {
      const workspace = join(place.directory, 'workspace');
      const owner = sandboxOwner(place.idRange);
      const { diskBytes } = resources;
      cleanup.use(
        await mountWorkspace(host.mountNamespace, {
          ...{ path: workspace, sizeBytes: diskBytes, owner },
          diskDirectory: isOnDisk ? host.diskDirectory : undefined,
        }),
      );
      const init = processConfig({ argv: [INIT_PATH, '-P'], env, cwd: '/', resources, oomScoreAdj: 0 });
      const { idRange, cgroup, root, userNamespace } = place;
      const config = sandboxConfig({
        ...host,
        ...{ process: init, root, workspace, idRange, userNamespace, cgroupPath: cgroup.path },
        resources: limited,
      });
      const none = readingEnd(stdio.fd);
      return { config, stdio: [none, none, none] };
    },
    signal,
  );
  const { directory, cgroup, firstPid, command } = container;
  const owner = sandboxOwner(container.idRange);
  const pause = new SandboxPause(cgroup);
  const spawner = new OciSpawner(
    {
      directory,
      resources,
      env,
      owner,
      cgroup,
      firstPid,
      pause,
      execCommand: (processFile, processPidFile, more) => [
        ...[...command, 'exec', '--process', processFile, '--pid-file', processPidFile],
        ...['--preserve-fds', String(more), spec.id],
      ],
    },
    host,
  );
  descriptors.use(spawner);
  const workspace = host.mountNamespace.resolve(join(directory, 'workspace'));
  const counters = cleanup.use(cgroup.openCounters());
  const meter = new CgroupUsageMeter(counters, resources.memoryBytes);
  const steps = cleanup.use(
    new SessionEngine({
      spawner,
      meter,
      memoryLimitBytes: resources.memoryBytes,
      loopShare: host.loopShare,
    }),
  );
  const files = createWorkspaceFiles({ root: workspace, owner });
  const release = cleanup.move();
  let disposed: Promise<void> | undefined;
  return {
    id: spec.id,
    agent: { steps, files, processes: spawner },
    isAlive: () => cgroup.processes().includes(firstPid),
    memoryBytes: () => counters.memoryBytes(),
    heldBytes: () => {
      // What callers upload counts as this server's, for it writes it.
      const uploaded = isOnDisk ? 0 : usedBytes(workspace);
      return Math.max(meter.heldBytes(), counters.processMemoryBytes() + uploaded);
    },
    runOutOfMemory: () => {
      meter.runOutOfMemory();
    },
    setCpuWeight: (weight) => {
      cgroup.setCpuWeight(CPU_WEIGHTS[weight]);
    },
    pause: async (pauseSignal) => pause.pause(pauseSignal),
    resume: async (resumeSignal) => pause.resume(resumeSignal),
    [Symbol.asyncDispose]: async () => (disposed ??= release.disposeAsync()),
  };
}

/** What is used of the file system of `directory`, in bytes. */
function usedBytes(directory: string): number {
  const { blocks, bfree, bsize } = statfsSync(directory);
  return (blocks - bfree) * bsize;
}
