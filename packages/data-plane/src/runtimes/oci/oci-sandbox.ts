import { statfsSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { CgroupUsageMeter, createWorkspaceFiles, SessionEngine } from '@caisson/session-agent';
import { SandboxPause } from '../../pausing/sandbox-pause.ts';
import { mountWorkspace } from '../../workspaces/workspace.ts';
import type { CpuWeight, Sandbox, SandboxEnd, SandboxSpec } from '../runtime.ts';
import { sandboxConfig, sandboxOwner } from './config/container-config.ts';
import { SANDBOX_NAMESPACE_LIMITS } from './config/namespace-limits.ts';
import { processConfig } from './config/process-config.ts';
import { closing, startContainer } from './container/container.ts';
import type { Container } from './container/container.ts';
import { readingEnd } from './container/process-pipes.ts';
import { INIT_PATH } from './host/oci-host.ts';
import type { OciHost } from './host/oci-host.ts';
import type { MountNamespace } from './mount-namespace/mount-namespace.ts';
import type { OciRuntimeName } from './oci-runtime-name.ts';
import { OciSpawner } from './oci-spawner.ts';

/** In busy processes of the host: how much a sandbox counts beside the others of the same instance. */
const CPU_WEIGHTS: Readonly<Record<CpuWeight, number>> = { normal: 1, low: 1 / 16 };
const WATCH_RETRY_MS = 500;

/** Makes a container of an OCI runtime that runs an init and nothing else. */
export async function createOciSandbox(
  runtime: OciRuntimeName,
  host: OciHost,
  spec: SandboxSpec,
  signal: AbortSignal,
): Promise<Sandbox> {
  await using cleanup = new AsyncDisposableStack();
  // Given back last: at the end of its input, a process would do more than end.
  const descriptors = cleanup.use(new DisposableStack());
  const { id, resources, env, network } = spec;
  const isOnDisk = spec.workspace === 'disk';
  const diskDirectory = isOnDisk ? host.diskDirectory : undefined;
  if (isOnDisk && diskDirectory === undefined) throw new Error('no workspace of this size can be made here');
  // What lies on disk counts nowhere as memory.
  const limited = isOnDisk ? { ...resources, diskBytes: 0 } : resources;
  using stdio = closing(await host.pipes.takeEmpty());
  const container = await startContainer(
    { runtime, host, id, root: spec.root, namespaceLimits: SANDBOX_NAMESPACE_LIMITS },
    cleanup,
    async ({ directory, root, mounts, idRange, userNamespace, cgroup }) => {
      const workspace = join(directory, 'workspace');
      const owner = sandboxOwner(idRange);
      cleanup.use(
        await mountWorkspace(host.mountNamespace, {
          path: workspace,
          sizeBytes: resources.diskBytes,
          owner,
          diskDirectory,
        }),
      );
      const config = sandboxConfig({
        process: processConfig({ argv: [INIT_PATH, '-P'], env, cwd: '/', resources, oomScoreAdj: 0 }),
        root,
        mounts,
        emptyDirectory: host.emptyDirectory,
        idRange,
        userNamespace,
        cgroupPath: cgroup.path,
        seccomp: host.seccomp,
        workspace,
        resources: limited,
        network,
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
        ...['--preserve-fds', String(more), id],
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
  const died = untilDead(host.mountNamespace, container);
  return {
    id,
    agent: { steps, files, processes: spawner },
    ended: died.then((detail): SandboxEnd =>
      disposed === undefined ? { reason: 'died', detail } : { reason: 'disposed' },
    ),
    memory: {
      heldBytes: () => {
        // What callers upload counts as this server's, for it writes it.
        const uploaded = isOnDisk ? 0 : usedBytes(workspace);
        return Math.max(meter.heldBytes(), counters.processMemoryBytes() + uploaded);
      },
      runOutOfMemory: () => {
        meter.runOutOfMemory();
      },
    },
    usage: async () => Promise.resolve({ memoryBytes: counters.memoryBytes() }),
    setCpuWeight: async (weight) => {
      cgroup.setCpuWeight(CPU_WEIGHTS[weight]);
      return Promise.resolve();
    },
    pause: async (pauseSignal) => pause.pause(pauseSignal),
    resume: async (resumeSignal) => pause.resume(resumeSignal),
    [Symbol.asyncDispose]: async () => (disposed ??= release.disposeAsync()),
  };
}

/** Resolves with what happened when the first process of a container has ended, and with it all others in its pid namespace. */
async function untilDead(
  mountNamespace: MountNamespace,
  { cgroup, firstPid }: Pick<Container, 'cgroup' | 'firstPid'>,
): Promise<string> {
  for (;;) {
    const watched = await mountNamespace.watch(firstPid).catch(() => undefined);
    if (mountNamespace.failure !== undefined) return mountNamespace.failure.message;
    // It may have ended before it was watched, and another process of the host may have its pid by now.
    if (!cgroup.processes().includes(firstPid)) return 'its first process has ended';
    if (watched !== undefined) {
      return watched.ended.then(
        () => 'its first process has ended',
        (error: unknown) => String(error),
      );
    }
    await delay(WATCH_RETRY_MS, undefined, { ref: false });
  }
}

/** What is used of the file system of `directory`, in bytes. */
function usedBytes(directory: string): number {
  const { blocks, bfree, bsize } = statfsSync(directory);
  return (blocks - bfree) * bsize;
}
