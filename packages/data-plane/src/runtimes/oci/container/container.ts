import { closeSync, existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Cgroup } from '../../../cgroups/cgroup.ts';
import type { IdRange } from '../../../limits/id-ranges.ts';
import { hasSysResource } from '../../../limits/sys-resource.ts';
import type { RootDigest } from '../../../templates/root-digest.ts';
import { makeRoot } from '../../../templates/root-file-system.ts';
import type { ReadOnlyMount } from '../../../templates/root-file-system.ts';
import type { InheritedFd, MountNamespace } from '../mount-namespace/mount-namespace.ts';
import type { NamespaceLimits } from '../config/namespace-limits.ts';
import type { OciHost } from '../host/oci-host.ts';
import type { OciRuntimeName } from '../oci-runtime-name.ts';

const CREATE_TIMEOUT_MS = 20_000;
const DESTROY_TIMEOUT_MS = 20_000;

/** A running container, be it a sandbox's or a runner's. */
export interface Container {
  readonly cgroup: Cgroup;
  /** Host pid of its first process. */
  readonly firstPid: number;
  /** The runtime's command line up to its subcommand. */
  readonly command: readonly [string, ...string[]];
}

/** What a container has on the host before it runs. */
export interface ContainerLayout {
  /** A directory of its own, as a path of the mount namespace. */
  readonly directory: string;
  /** Its root, in that directory. */
  readonly root: string;
  /** Read-only ones of its root. */
  readonly mounts: readonly ReadOnlyMount[];
  /** Path of its user namespace, which is there until it has started. */
  readonly userNamespace: string;
  readonly idRange: IdRange;
  /** All that is made for it lies in this cgroup or below. */
  readonly cgroup: Cgroup;
}

export interface ContainerPlan {
  /** `config.json` of its bundle. */
  readonly config: object;
  /** Standard input, output and error of its first process; the runtime gives their files to the container's root. */
  readonly stdio: readonly [InheritedFd, InheritedFd, InheritedFd];
  /** What its first process finds open from descriptor 3 on. */
  readonly descriptors?: readonly InheritedFd[];
}

/**
 * Makes a container of an OCI runtime (`crun` or `runc`) and starts its first process.
 * @param cleanup takes all that is acquired, also where this fails: the last of it leaves nothing behind
 * @param plan called once, before the container is made
 */
export async function startContainer(
  request: {
    readonly runtime: OciRuntimeName;
    readonly host: OciHost;
    readonly id: string;
    readonly root: RootDigest;
    readonly namespaceLimits: NamespaceLimits;
  },
  cleanup: AsyncDisposableStack,
  plan: (layout: ContainerLayout) => Promise<ContainerPlan>,
  signal: AbortSignal,
): Promise<Container & ContainerLayout> {
  const { runtime, host, id, namespaceLimits } = request;
  const deadline = AbortSignal.any([signal, AbortSignal.timeout(CREATE_TIMEOUT_MS)]);
  const { mountNamespace } = host;
  const fileSystem = host.roots.get(request.root);
  if (fileSystem === undefined) throw new Error(`there is no root file system ${request.root} here`);
  const runtimeRoot = join(mountNamespace.directory, runtime);
  const directory = join(mountNamespace.directory, 'sandboxes', id);
  const seen = mountNamespace.resolve(directory);
  mkdirSync(seen, { recursive: true, mode: 0o711 });
  cleanup.defer(() => {
    rmSync(seen, { recursive: true, force: true });
  });
  const root = join(directory, 'root');
  makeRoot(fileSystem, mountNamespace.resolve(root));
  const idRange = cleanup.use(host.idRanges.take());
  const userNamespace = join(directory, 'user-namespace');
  await using namespace = await mountNamespace.makeUserNamespace(userNamespace, {
    owner: needsNamespaceOfRoot(runtime) ? 0 : idRange.firstHostId,
    ids: idRange,
    limits: namespaceLimits,
  });
  const cgroup = host.cgroups.at(`${host.instance.cgroupPath}/${id}`);
  const { mounts } = fileSystem;
  const layout: ContainerLayout = { directory, root, mounts, userNamespace, idRange, cgroup };
  const { config, stdio, descriptors = [] } = await plan(layout);
  cleanup.defer(async () => {
    // The state is removed by hand: the runtime's `delete` can be held up by a wedged container.
    const limit = AbortSignal.timeout(DESTROY_TIMEOUT_MS);
    await cgroup.kill(limit);
    await cgroup.remove(limit);
    rmSync(mountNamespace.resolve(join(runtimeRoot, id)), { recursive: true, force: true });
  });
  writeFileSync(join(seen, 'config.json'), JSON.stringify(config), { mode: 0o600 });
  const command = [host.runtimes[runtime] ?? runtime, '--root', runtimeRoot] as const;
  await runRuntime(
    mountNamespace,
    [
      ...[...command, '--log', join(directory, 'log'), 'run', '--detach'],
      ...['--preserve-fds', String(descriptors.length)],
      ...['--bundle', directory, '--pid-file', join(directory, 'pid'), id],
    ],
    [...stdio, ...descriptors],
    () => readIfThere(join(seen, 'log')).slice(-2000),
  );
  await namespace[Symbol.asyncDispose]();
  cgroup.limitSocketMemory();
  // Not earlier: a runtime that is killed midway leaves a container half made, which takes long to clear away.
  deadline.throwIfAborted();
  return { ...layout, command, firstPid: Number(readFileSync(join(seen, 'pid'), 'utf8')) };
}

/**
 * Whether only a namespace of root's will do for `runtime`: runc sets the limits of a process from outside, which takes a capability
 * that this host's root may lack, or the namespace to be its own.
 */
export function needsNamespaceOfRoot(runtime: OciRuntimeName): boolean {
  return runtime === 'runc' && !hasSysResource();
}

/** Runs the OCI runtime to its own end. @throws Error with what it complained of if it fails or does not end in time */
async function runRuntime(
  mountNamespace: MountNamespace,
  argv: readonly string[],
  files: readonly InheritedFd[],
  readComplaint: () => string,
): Promise<void> {
  const program = await mountNamespace.start(argv, files);
  const timer = setTimeout(program.kill, CREATE_TIMEOUT_MS);
  try {
    const code = await program.exited;
    if (code === 0) return;
    const end = code < 0 ? `was ended by signal ${-code}` : `failed with exit code ${code}`;
    throw new Error(`${argv[0]} ${end}: ${readComplaint().trim()}`);
  } finally {
    clearTimeout(timer);
  }
}

function readIfThere(path: string): string {
  return existsSync(path) ? readFileSync(path, 'utf8') : '';
}

/** Closes the descriptor `fd` when it is disposed. */
export function closing(fd: number): Disposable & { readonly fd: number } {
  return {
    fd,
    [Symbol.dispose]: () => {
      closeSync(fd);
    },
  };
}
