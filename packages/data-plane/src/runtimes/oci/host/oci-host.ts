import { chmodSync, existsSync, mkdirSync, rmdirSync, writeFileSync } from 'node:fs';
import { randomInt } from 'node:crypto';
import { join } from 'node:path';
import type { RuntimeName } from '@caisson/protocol';
import { SANDBOX_FILES } from '@caisson/session-agent';
import type { LoopShare } from '@caisson/session-agent';
import type { Logger } from 'pino';
import type { Cgroups } from '../../../cgroups/cgroup.ts';
import { findCgroups } from '../../../cgroups/find-cgroups.ts';
import { weighInstance } from '../../../cgroups/instance-weight.ts';
import { standBelowSandboxes } from '../../../limits/oom-score.ts';
import { IdRanges } from '../../../limits/id-ranges.ts';
import { beginInstance } from '../../../sandboxes/instance.ts';
import type { SharedHost } from '../../../sandboxes/host-watch.ts';
import { removeLeftovers } from '../../../sandboxes/leftovers.ts';
import { rememberPaths } from '../../../sandboxes/remember-paths.ts';
import { nodeCapacity } from '../../../node/capacity.ts';
import type { Capacity } from '../../../node/capacity.ts';
import { readHostFigures } from '../../../node/host-figures.ts';
import type { NodeOptions } from '../../../node/node-options.ts';
import { makeHostUsrRoot } from '../../../templates/host-usr.ts';
import type { Instance } from '../../../sandboxes/instance.ts';
import type { ReadOnlyMount, RootFileSystem } from '../../../templates/root-file-system.ts';
import { whyNotOnDisk } from '../../../workspaces/disk/disk-workspaces.ts';
import { findProgram } from './find-program.ts';
import { MountNamespace } from '../mount-namespace/mount-namespace.ts';
import { ProcessPipes } from '../container/process-pipes.ts';
import { stageMounts, withFiles } from '../mount-namespace/staged-mounts.ts';
import { loadSeccomp } from '../seccomp/seccomp.ts';
import type { SeccompConfig } from '../seccomp/seccomp.ts';

export const INIT_PROGRAM = 'catatonit';
/** Where a sandbox has it. */
export const INIT_PATH = '/opt/caisson/init';
const OCI_RUNTIMES = ['crun', 'runc'] as const;
const CLEAN_TIMEOUT_MS = 60_000;
const MAX_SOCKET_PATH_BYTES = 107;

/** What every container of an OCI runtime is made with. */
export interface OciHost extends SharedHost {
  readonly instance: Instance;
  readonly cgroups: Cgroups;
  readonly mountNamespace: MountNamespace;
  readonly idRanges: IdRanges;
  readonly pipes: ProcessPipes;
  readonly root: RootFileSystem;
  /** The mounts of the root and all others that every container has, as paths of the mount namespace. */
  readonly mounts: readonly ReadOnlyMount[];
  /** The same. */
  readonly emptyDirectory: string;
  readonly seccomp: SeccompConfig;
  readonly loopShare: LoopShare;
  /** What of this process could not be made as it should be, each as what to do about it. */
  readonly warnings: readonly string[];
  /** Path of each runtime in the mount namespace. */
  readonly runtimes: Readonly<Partial<Record<RuntimeName, string>>>;
  readonly capacity: Capacity;
  /** Where workspaces lie that are too large for memory; `undefined` where they cannot, for `diskProblem`. */
  readonly diskDirectory: string | undefined;
  readonly diskProblem: string | undefined;
}

/** What this host lacks for OCI runtimes, each as what to do about it; empty where nothing is. */
export function missingForOci(): string[] {
  const problems: string[] = [];
  if (process.platform !== 'linux') return ['Linux is needed'];
  if (process.getuid?.() !== 0)
    problems.push('run it as root: making sandboxes needs namespaces, mounts and cgroups');
  if (findCgroups() === undefined) problems.push('mount the cgroup file system below /sys/fs/cgroup');
  if (findProgram(INIT_PROGRAM) === undefined)
    problems.push(`install the package ${INIT_PROGRAM} (an init for sandboxes)`);
  for (const name of ['unshare', 'python3']) {
    if (findProgram(name) === undefined)
      problems.push(`install the program ${name} (packages util-linux, python3)`);
  }
  return problems;
}

/**
 * Removes what dead servers left, then prepares all that the sandboxes of this server share.
 * @param stateDirectory absolute; only root may write there
 * @throws Error if `missingForOci` names anything
 */
export async function prepareOciHost(options: {
  stateDirectory: string;
  node: NodeOptions;
  logger: Logger;
  loopShare: LoopShare;
}): Promise<OciHost & AsyncDisposable> {
  const cgroups = findCgroups();
  const init = findProgram(INIT_PROGRAM);
  if (cgroups === undefined || init === undefined) throw new Error(missingForOci().join('; '));
  await using cleanup = new AsyncDisposableStack();
  const { stateDirectory, node, logger, loopShare } = options;
  // Before anything is started, which inherits it.
  const { problem: warning } = cleanup.use(standBelowSandboxes());
  mkdirSync(stateDirectory, { recursive: true });
  // Root of a sandbox's user namespace, which is nobody here, has to pass through to what is mounted from below.
  chmodSync(stateDirectory, 0o711);
  const instance = cleanup.use(beginInstance(stateDirectory));
  const idRanges = new IdRanges(join(stateDirectory, 'ids'), instance.name, randomInt(2 ** 31));
  await removeLeftovers(
    { stateDirectory, workspaceDirectory: node.workspaceDirectory, cgroups, idRanges, logger },
    AbortSignal.timeout(CLEAN_TIMEOUT_MS),
  );

  const cgroup = cgroups.at(instance.cgroupPath);
  cleanup.defer(async () => {
    const limit = AbortSignal.timeout(CLEAN_TIMEOUT_MS);
    await cgroup.kill(limit);
    await cgroup.remove(limit);
  });
  // Before a runtime tries: where it cannot, it leaves cgroups behind that nothing can be done with.
  cgroup.delegate();
  weighInstance(cgroups, instance.cgroupPath);
  const etc = join(instance.directory, 'etc');
  mkdirSync(etc, { mode: 0o755 });
  const root = withFiles(makeHostUsrRoot(etc), [
    ...SANDBOX_FILES.map(({ hostPath, sandboxPath }) => ({ source: hostPath, destination: sandboxPath })),
    { source: init, destination: INIT_PATH },
  ]);
  const staged = stageMounts(join(instance.directory, 'mounts'), root.mounts);
  const runtimes = stageRuntimes(join(instance.directory, 'runtimes'));
  const live = join(instance.directory, 'live');
  mkdirSync(live, { mode: 0o711 });
  const mountNamespace = cleanup.use(
    await MountNamespace.create(live, {
      unmount: cgroups.hiddenMountPoints,
      bind: [...staged.binds, ...runtimes],
      cgroup: cgroup.directories(),
    }),
  );
  // Nothing in it ever has a name; its own tells whose the loop devices are.
  const images = join(node.workspaceDirectory, instance.name);
  cleanup.defer(() => {
    if (existsSync(images)) rmdirSync(images);
  });
  const diskProblem = await whyNotOnDisk(mountNamespace, images);
  const diskDirectory = diskProblem === undefined ? images : undefined;
  const capacity = nodeCapacity(readHostFigures(cgroups, diskDirectory), node);
  // So that the server and the rest of the machine never lack either, whatever was promised to each sandbox.
  const { memoryBytes, pids } = capacity.total;
  cgroup.limit({ memoryBytes, pids });
  const pipes = new ProcessPipes(join(live, 'pipes'), mountNamespace);
  requireShort(mountNamespace.gatePath, stateDirectory);
  const seccomp = loadSeccomp(mountNamespace.gatePath);
  const release = cleanup.move();
  const directories = ['etc', 'mounts', 'runtimes', 'live'].map((name) => join(instance.directory, name));
  const { directory, lockFile } = instance;
  const missingPath = rememberPaths([directory, lockFile, ...directories, join(stateDirectory, 'ids')]);
  return {
    problem: () => {
      const missing = missingPath();
      return missing === undefined
        ? mountNamespace.failure?.message
        : `${missing} was removed, or something else is in its place`;
    },
    ended: mountNamespace.ended,
    killAll: async (signal) => cgroup.kill(signal),
    ...{ instance, cgroups, mountNamespace, idRanges, pipes, root, seccomp, loopShare },
    ...{ mounts: staged.mounts, emptyDirectory: staged.emptyDirectory },
    warnings: warning === undefined ? [] : [warning],
    ...{ capacity, diskDirectory, diskProblem },
    runtimes: Object.fromEntries(runtimes.map(({ name, target }) => [name, target])),
    [Symbol.asyncDispose]: async () => release.disposeAsync(),
  };
}

/** A runtime connects to the socket by its path, which unix(7) limits. */
function requireShort(socketPath: string, stateDirectory: string): void {
  const excess = Buffer.byteLength(socketPath) - MAX_SOCKET_PATH_BYTES;
  if (excess > 0)
    throw new Error(`the path of the state directory is too long by ${excess} bytes: ${stateDirectory}`);
}

/**
 * Places for the runtimes of this host, on read-only mounts. A runtime that finds itself on one need not guard its own file
 * against the container (CVE-2019-5736): crun would otherwise make such a mount and start itself anew, each time it is called.
 */
function stageRuntimes(
  directory: string,
): { readonly name: RuntimeName; readonly source: string; readonly target: string }[] {
  mkdirSync(directory, { mode: 0o700 });
  return OCI_RUNTIMES.flatMap((name) => {
    const source = findProgram(name);
    if (source === undefined) return [];
    const target = join(directory, name);
    writeFileSync(target, '');
    return [{ name, source, target }];
  });
}
