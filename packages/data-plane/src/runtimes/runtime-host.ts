import { chmodSync, mkdirSync } from 'node:fs';
import { randomInt } from 'node:crypto';
import { join } from 'node:path';
import type { LoopShare } from '@caisson/session-agent';
import type { Logger } from 'pino';
import type { Cgroups } from '../cgroups/cgroup.ts';
import { findCgroups } from '../cgroups/find-cgroups.ts';
import { weighInstance } from '../cgroups/instance-weight.ts';
import { IdRanges } from '../limits/id-ranges.ts';
import { lowerOomScore } from '../limits/oom-score.ts';
import { nodeCapacity } from '../node/capacity/capacity.ts';
import { readHostFigures } from '../node/capacity/host-figures.ts';
import type { NodeOptions } from '../node/node-options.ts';
import type { SharedHost } from '../sandboxes/host-watch.ts';
import { createInstance } from '../sandboxes/instance.ts';
import type { Instance } from '../sandboxes/instance.ts';
import { removeLeftovers } from '../sandboxes/leftovers.ts';
import { rememberPaths } from '../sandboxes/remember-paths.ts';
import { makeHostUsrRoot } from '../templates/host-usr.ts';
import { TemplateRoots } from '../templates/template-roots.ts';
import { BUILT_IN_TEMPLATES } from '../templates/templates.ts';

const CLEAN_TIMEOUT_MS = 60_000;

/** What all runtimes of one data plane share. */
export interface RuntimeHost {
  readonly instance: Instance;
  readonly cgroups: Cgroups;
  readonly idRanges: IdRanges;
  readonly roots: TemplateRoots;
  /** Holds large workspaces, in a directory with the instance's name. */
  readonly workspaceDirectory: string;
  readonly stateDirectory: string;
  readonly loopShare: LoopShare;
  /** What weakens this server whatever its runtimes are, each as what to do about it. */
  readonly warnings: readonly string[];
  /** The instance itself, which no sandbox can live without. */
  readonly shared: Pick<SharedHost, 'problem' | 'ended'>;
  readonly logger: Logger;
}

/** What this machine lacks for sandboxes of any runtime, each as what to do about it; empty where nothing is. */
export function missingForNode(): string[] {
  if (process.platform !== 'linux') return ['Linux is needed'];
  const problems: string[] = [];
  if (process.getuid?.() !== 0)
    problems.push('run it as root: making sandboxes needs namespaces, mounts and cgroups');
  if (findCgroups() === undefined) problems.push('mount the cgroup file system below /sys/fs/cgroup');
  return problems;
}

/**
 * Removes what dead servers left, then prepares what the runtimes of this server share. Disposing ends all that is left in the
 * instance's cgroup.
 * @param options.stateDirectory absolute; only root may write there
 * @throws Error if `missingForNode` names anything
 */
export async function openRuntimeHost(options: {
  readonly stateDirectory: string;
  readonly node: NodeOptions;
  readonly logger: Logger;
  readonly loopShare: LoopShare;
}): Promise<RuntimeHost & AsyncDisposable> {
  const cgroups = findCgroups();
  if (cgroups === undefined) throw new Error(missingForNode().join('; '));
  await using cleanup = new AsyncDisposableStack();
  const { stateDirectory, node, logger, loopShare } = options;
  const { workspaceDirectory } = node;
  // Before anything is started, which inherits it.
  const { problem: warning } = cleanup.use(lowerOomScore());
  if (warning !== undefined) logger.warn({ problem: warning }, 'this host is weaker than it should be');
  mkdirSync(stateDirectory, { recursive: true });
  // Root of a sandbox's user namespace, an unprivileged user here, must pass through to what is mounted from below.
  chmodSync(stateDirectory, 0o711);
  const instance = cleanup.use(createInstance(stateDirectory));
  const idDirectory = join(stateDirectory, 'ids');
  const idRanges = new IdRanges(idDirectory, instance.name, randomInt(2 ** 31));
  await removeLeftovers(
    { stateDirectory, workspaceDirectory, cgroups, idRanges, logger },
    AbortSignal.timeout(CLEAN_TIMEOUT_MS),
  );

  const cgroup = cgroups.at(instance.cgroupPath);
  cleanup.defer(async () => {
    const limit = AbortSignal.timeout(CLEAN_TIMEOUT_MS);
    await cgroup.kill(limit);
    await cgroup.remove(limit);
  });
  // Before a runtime tries to: one that fails leaves cgroups behind that cannot be used.
  cgroup.delegate();
  weighInstance(cgroups, instance.cgroupPath);
  // Memory and processes, which workspaces on disk do not change.
  const { memoryBytes, pids } = nodeCapacity(readHostFigures(cgroups, undefined), node).total;
  cgroup.limit({ memoryBytes, pids });
  const etc = join(instance.directory, 'etc');
  mkdirSync(etc, { mode: 0o755 });
  const hostUsr = makeHostUsrRoot(etc);
  const roots = new TemplateRoots(new Map(BUILT_IN_TEMPLATES.map(({ id }) => [id, hostUsr])));
  const missingPath = rememberPaths([instance.directory, instance.lockFile, etc, idDirectory]);
  const release = cleanup.move();
  return {
    instance,
    cgroups,
    idRanges,
    roots,
    workspaceDirectory,
    stateDirectory,
    loopShare,
    warnings: warning === undefined ? [] : [warning],
    shared: {
      problem: () => removedProblem(missingPath()),
      // Only `problem` finds out.
      ended: new Promise(() => undefined),
    },
    logger,
    [Symbol.asyncDispose]: async () => release.disposeAsync(),
  };
}

/** What it means that `path` is not what it was. */
export function removedProblem(path: string | undefined): string | undefined {
  return path === undefined ? undefined : `${path} was removed, or something else is in its place`;
}
