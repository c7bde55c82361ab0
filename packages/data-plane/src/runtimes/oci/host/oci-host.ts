import { existsSync, mkdirSync, rmdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { SANDBOX_FILES } from '@caisson/session-agent';
import type { LoopShare } from '@caisson/session-agent';
import type { Cgroups } from '../../../cgroups/cgroup.ts';
import type { IdRanges } from '../../../limits/id-ranges.ts';
import type { SharedHost } from '../../../sandboxes/host-watch.ts';
import type { Instance } from '../../../sandboxes/instance.ts';
import { rememberPaths } from '../../../sandboxes/remember-paths.ts';
import type { RootDigest } from '../../../templates/root-digest.ts';
import type { RootFileSystem } from '../../../templates/root-file-system.ts';
import { whyNotOnDisk } from '../../../workspaces/disk/disk-workspaces.ts';
import { removedProblem } from '../../runtime-host.ts';
import type { RuntimeHost } from '../../runtime-host.ts';
import { ProcessPipes } from '../container/process-pipes.ts';
import { MountNamespace } from '../mount-namespace/mount-namespace.ts';
import { stageRoots, withFiles } from '../mount-namespace/staged-mounts.ts';
import { OCI_RUNTIMES } from '../oci-runtime-name.ts';
import type { OciRuntimeName } from '../oci-runtime-name.ts';
import { loadSeccomp } from '../seccomp/seccomp.ts';
import type { SeccompConfig } from '../seccomp/seccomp.ts';
import { findProgram } from './find-program.ts';

export const INIT_PROGRAM = 'catatonit';
/** Where a sandbox has it. */
export const INIT_PATH = '/opt/caisson/init';
const MAX_SOCKET_PATH_BYTES = 107;

/** What every container of an OCI runtime is made with. */
export interface OciHost {
  readonly instance: Instance;
  readonly cgroups: Cgroups;
  readonly idRanges: IdRanges;
  readonly loopShare: LoopShare;
  readonly mountNamespace: MountNamespace;
  readonly pipes: ProcessPipes;
  /** The roots of the templates, with Caisson's own files; their mounts have their sources in the mount namespace. */
  readonly roots: ReadonlyMap<RootDigest, RootFileSystem>;
  /** As a path of the mount namespace. */
  readonly emptyDirectory: string;
  readonly seccomp: SeccompConfig;
  /** Path of each runtime in the mount namespace. */
  readonly runtimes: Readonly<Partial<Record<OciRuntimeName, string>>>;
  /** Where workspaces lie that are too large for memory; `undefined` where they cannot, for `diskProblem`. */
  readonly diskDirectory: string | undefined;
  readonly diskProblem: string | undefined;
  readonly shared: SharedHost;
}

/** What this host lacks for OCI runtimes, each as what to do about it; empty where nothing is. */
export function missingForOci(): string[] {
  const problems: string[] = [];
  if (findProgram(INIT_PROGRAM) === undefined)
    problems.push(`install the package ${INIT_PROGRAM} (an init for sandboxes)`);
  for (const name of ['unshare', 'python3']) {
    if (findProgram(name) === undefined)
      problems.push(`install the program ${name} (packages util-linux, python3)`);
  }
  return problems;
}

/**
 * Prepares all that the containers of this server share.
 * @throws Error if `missingForOci` names anything, or this host does not let it
 */
export async function prepareOciHost(host: RuntimeHost): Promise<OciHost & AsyncDisposable> {
  const init = findProgram(INIT_PROGRAM);
  if (init === undefined) throw new Error(missingForOci().join('; '));
  await using cleanup = new AsyncDisposableStack();
  const { instance, cgroups, idRanges, loopShare, workspaceDirectory, stateDirectory } = host;
  const files = [
    ...SANDBOX_FILES.map(({ hostPath, sandboxPath }) => ({ source: hostPath, destination: sandboxPath })),
    { source: init, destination: INIT_PATH },
  ];
  const [mounts, runtimeDirectory, live] = ['mounts', 'runtimes', 'live'].map((name) =>
    join(instance.directory, name),
  ) as [string, string, string];
  const staged = stageRoots(
    mounts,
    new Map([...host.roots.all].map(([digest, root]) => [digest, withFiles(root, files)])),
  );
  const runtimes = stageRuntimes(runtimeDirectory);
  mkdirSync(live, { mode: 0o711 });
  const mountNamespace = cleanup.use(
    await MountNamespace.create(live, {
      unmount: cgroups.hiddenMountPoints,
      bind: [...staged.binds, ...runtimes],
      cgroup: cgroups.at(instance.cgroupPath).directories(),
    }),
  );
  // Nothing in it ever has a name; its own tells whose the loop devices are.
  const images = join(workspaceDirectory, instance.name);
  cleanup.defer(() => {
    if (existsSync(images)) rmdirSync(images);
  });
  const diskProblem = await whyNotOnDisk(mountNamespace, images);
  const pipes = new ProcessPipes(join(live, 'pipes'), mountNamespace);
  requireShort(mountNamespace.gatePath, stateDirectory);
  const missingPath = rememberPaths([mounts, runtimeDirectory, live]);
  const seccomp = loadSeccomp(mountNamespace.gatePath);
  const release = cleanup.move();
  return {
    instance,
    cgroups,
    idRanges,
    loopShare,
    mountNamespace,
    pipes,
    roots: staged.roots,
    emptyDirectory: staged.emptyDirectory,
    seccomp,
    runtimes: Object.fromEntries(runtimes.map(({ name, target }) => [name, target])),
    diskDirectory: diskProblem === undefined ? images : undefined,
    diskProblem,
    shared: {
      problem: () => removedProblem(missingPath()) ?? mountNamespace.failure?.message,
      ended: mountNamespace.ended,
      // All containers lie in it, and nothing else.
      killAll: async (signal) => cgroups.at(instance.cgroupPath).kill(signal),
    },
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
 * Mount points for the runtimes of this host, to be mounted read-only. A runtime that finds itself on such a mount need not guard
 * its own file against the container (CVE-2019-5736): crun would otherwise make one and start itself anew, each time it is called.
 */
function stageRuntimes(
  directory: string,
): { readonly name: OciRuntimeName; readonly source: string; readonly target: string }[] {
  mkdirSync(directory, { mode: 0o700 });
  return OCI_RUNTIMES.flatMap((name) => {
    const source = findProgram(name);
    if (source === undefined) return [];
    const target = join(directory, name);
    writeFileSync(target, '');
    return [{ name, source, target }];
  });
}
