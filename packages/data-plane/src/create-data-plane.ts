import { join } from 'node:path';
import type { Isolation, RuntimeName } from '@caisson/protocol/api';
import type { RuntimeHealth } from '@caisson/protocol/ports';
import { LoopShare, monotonicClock } from '@caisson/session-agent';
import type { Logger } from 'pino';
import { LocalDataPlane } from './node/local-data-plane.ts';
import { LocalSandboxPlane } from './sandboxes/local-sandbox-plane.ts';
import { ServerPriority } from './limits/server-priority.ts';
import { nodeCapacity } from './node/capacity/capacity.ts';
import { readHostFigures } from './node/capacity/host-figures.ts';
import { HostNode } from './node/host-node.ts';
import { nodeOptions } from './node/node-options.ts';
import type { NodeOptionsInput } from './node/node-options.ts';
import { readHostLoad } from './pool/demand/host-load.ts';
import type { HostLoad } from './pool/demand/host-load.ts';
import { DEFAULT_WARM_POOL } from './pool/pool-options.ts';
import type { WarmPoolOptions } from './pool/pool-options.ts';
import { allUnavailable, openFamilies } from './runtimes/open-families.ts';
import type { OpenFamilies } from './runtimes/open-families.ts';
import { RUNTIME_FAMILIES } from './runtimes/runtime-families.ts';
import type { RuntimeChoice, RuntimeFamily } from './runtimes/runtime-family.ts';
import { missingForNode, openRuntimeHost } from './runtimes/runtime-host.ts';
import { joinHosts } from './sandboxes/join-hosts.ts';
import { serveIsolation } from './served-isolation.ts';
import type { ServedIsolation } from './served-isolation.ts';
import { WARM_SANDBOXES } from './templates/templates.ts';

const DEFAULT_STATE_DIRECTORY = '/run/caisson';
const OPEN_TIMEOUT_MS = 60_000;

/**
 * Creates the data plane of this machine, after removing leftovers of earlier processes. Disposing ends all sandboxes and leaves
 * nothing behind.
 * @param options.stateDirectory state of live sandboxes; need not survive a reboot
 * @param options.warmPool overrides of the defaults; no sandboxes are prepared before `warmUp` is called
 * @param options.runtime the required runtime for its isolation; `auto` takes the first that works
 * @param options.readLoad current load of the host, which decides how many sandboxes are kept ready
 * @param options.families all known runtimes
 * @param options the rest: how much of this machine sandboxes may take, see `nodeOptions`
 * @throws RuntimeUnavailableError if this host cannot create sandboxes, or not with the required runtime
 */
export async function createDataPlane(
  options: NodeOptionsInput & {
    stateDirectory?: string;
    runtime?: RuntimeChoice;
    warmPool?: Partial<WarmPoolOptions>;
    readLoad?: () => HostLoad;
    families?: readonly RuntimeFamily[];
    logger: Logger;
  },
): Promise<LocalDataPlane<LocalSandboxPlane>> {
  const { logger, runtime: choice = 'auto', stateDirectory = DEFAULT_STATE_DIRECTORY } = options;
  const { readLoad = readHostLoad, families: known = RUNTIME_FAMILIES } = options;
  const missing = missingForNode();
  if (missing.length > 0) throw new RuntimeUnavailableError(missing);
  await using cleanup = new AsyncDisposableStack();
  const priority = cleanup.use(new ServerPriority());
  const loopShare = new LoopShare(monotonicClock, {
    onBroken: (error) => {
      logger.error({ err: error }, 'output of a sandbox could not be read; its kernel is killed');
    },
    onOverdrawn: () => {
      priority.raise();
    },
  });
  const nodeSettings = nodeOptions.parse(options);
  const host = cleanup.use(await openRuntimeHost({ stateDirectory, logger, loopShare, node: nodeSettings }));
  const { cgroups, instance, roots } = host;
  const families = cleanup.use(await openFamilies(known, host, choice, AbortSignal.timeout(OPEN_TIMEOUT_MS)));
  requireChosen(families, choice);
  const working = [...families.working.values()];
  const diskDirectory = working.find((family) => family.diskDirectory !== undefined)?.diskDirectory;
  const capacity = nodeCapacity(readHostFigures(cgroups, diskDirectory), nodeSettings);
  const node = cleanup.use(new HostNode(capacity, nodeSettings, cgroups.at(instance.cgroupPath), logger));
  const served = new Map<Isolation, ServedIsolation>();
  const poolOptions = { ...DEFAULT_WARM_POOL, warm: WARM_SANDBOXES, ...options.warmPool };
  for (const family of working) {
    const isolation = serveIsolation(family, {
      node,
      roots,
      // Only the preferred isolation is warm before the first request: few callers need another one.
      options: served.size === 0 ? poolOptions : { ...poolOptions, warm: {} },
      readLoad,
      logger,
    });
    served.set(family.runtime.isolation, isolation);
    cleanup.use(isolation.pool);
  }
  const release = cleanup.move();
  const plane = new LocalSandboxPlane({
    served,
    host: joinHosts(
      host.shared,
      working.map(({ shared }) => shared),
    ),
    node,
    runtimes: families.health,
    loopShare,
    logger,
    release: async () => release.disposeAsync(),
  });
  const { nodeId: id, stepGraceMs: graceMs, workspaceDirectory } = nodeSettings;
  return new LocalDataPlane({
    plane,
    id,
    graceMs,
    logger,
    spillDirectory: join(workspaceDirectory, 'outputs'),
  });
}

/** Probes every runtime of this host. Never throws because of something the host lacks. */
export async function probeRuntimes(
  options: NodeOptionsInput & {
    stateDirectory?: string;
    families?: readonly RuntimeFamily[];
    logger: Logger;
    signal: AbortSignal;
  },
): Promise<RuntimeHealth[]> {
  const { logger, signal, stateDirectory = DEFAULT_STATE_DIRECTORY } = options;
  const { families: known = RUNTIME_FAMILIES } = options;
  const missing = missingForNode();
  if (missing.length > 0) return allUnavailable(known, missing);
  const loopShare = new LoopShare(monotonicClock);
  const node = nodeOptions.parse(options);
  await using host = await openRuntimeHost({ stateDirectory, logger, loopShare, node });
  await using families = await openFamilies(known, host, 'auto', signal);
  return [...families.health];
}

/** @throws RuntimeUnavailableError unless some runtime works, and the chosen one does */
function requireChosen({ health, working }: OpenFamilies, choice: RuntimeChoice): void {
  const problemsOf = (names: (name: RuntimeName) => boolean): string[] => [
    ...new Set(health.flatMap(({ name, problems }) => (names(name) ? problems : []))),
  ];
  if (working.size === 0) throw new RuntimeUnavailableError(problemsOf(() => true));
  if (choice === 'auto' || health.some(({ name, chosen }) => chosen && name === choice)) return;
  throw new RuntimeUnavailableError(problemsOf((name) => name === choice));
}

/** No runtime of this host can create a sandbox. */
export class RuntimeUnavailableError extends Error {
  override readonly name = 'RuntimeUnavailableError';
  /** What is missing and how to fix it. */
  readonly problems: readonly string[];

  constructor(problems: readonly string[]) {
    super(`no runtime can create sandboxes on this host: ${problems.join('; ')}`);
    this.problems = problems;
  }
}
