import { join } from 'node:path';
import { newSandboxId } from '@caisson/protocol';
import { LoopShare, monotonicClock } from '@caisson/session-agent';
import type { RuntimeHealth } from '@caisson/protocol';
import type { Logger } from 'pino';
import { LocalDataPlane } from './node/local-data-plane.ts';
import { LocalSandboxPlane } from './sandboxes/local-sandbox-plane.ts';
import { readHostLoad } from './pool/demand/host-load.ts';
import type { HostLoad } from './pool/demand/host-load.ts';
import { HostNode } from './node/host-node.ts';
import { runnerPromise } from './node/promises.ts';
import { NOTHING } from './node/amounts.ts';
import { ServerPriority } from './limits/server-priority.ts';
import { nodeOptions } from './node/node-options.ts';
import type { NodeOptionsInput } from './node/node-options.ts';
import { DEFAULT_WARM_POOL } from './pool/pool-options.ts';
import type { WarmPoolOptions } from './pool/pool-options.ts';
import { WarmPool } from './pool/warm-pool.ts';
import { hostProblems } from './runtimes/oci/host/host-problems.ts';
import { missingForOci, prepareOciHost } from './runtimes/oci/host/oci-host.ts';
import { OciRuntime } from './runtimes/oci/oci-runtime.ts';
import type { OciHost } from './runtimes/oci/host/oci-host.ts';
import { BUILT_IN_TEMPLATES } from './templates/templates.ts';
import { SERVER_LIMITS } from './runtimes/oci/oci-fork-servers.ts';
import { prepareCells } from './runtimes/oci/prepare-cells.ts';
import { probeAll } from './runtimes/select-runtime.ts';
import type { RuntimeChoice } from './runtimes/select-runtime.ts';

const DEFAULT_STATE_DIRECTORY = '/run/caisson';

/**
 * The data plane of this machine. Whatever earlier processes left behind is removed first; disposing ends all
 * sandboxes and leaves nothing.
 * @param options.stateDirectory where live sandboxes are kept track of; it need not survive a reboot
 * @param options.warmPool of which the rest is `DEFAULT_WARM_POOL`; nothing is made ahead before `warmUp` is called
 * @param options.runtime `auto` takes the first that works of crun and runc
 * @param options.readLoad how much of the host is in use, which decides how many sandboxes are kept ready
 * The other options say how much of this machine sandboxes may take, see `nodeOptions`.
 * @throws RuntimeUnavailableError where this host cannot make sandboxes
 */
export async function createDataPlane(
  options: NodeOptionsInput & {
    stateDirectory?: string;
    runtime?: RuntimeChoice;
    warmPool?: Partial<WarmPoolOptions>;
    readLoad?: () => HostLoad;
    logger: Logger;
  },
): Promise<LocalDataPlane<LocalSandboxPlane>> {
  const { logger, runtime: choice = 'auto', stateDirectory = DEFAULT_STATE_DIRECTORY } = options;
  const { readLoad = readHostLoad } = options;
  const missing = missingForOci();
  if (missing.length > 0) throw new RuntimeUnavailableError(missing);
  await using cleanup = new AsyncDisposableStack();
  const priority = cleanup.use(new ServerPriority());
  const loopShare = new LoopShare(monotonicClock, {
    onBroken: (error) => {
      logger.error({ err: error }, 'what a sandbox wrote could not be read; its kernel is killed');
    },
    onOverdrawn: () => {
      priority.raise();
    },
  });
  const ofNode = nodeOptions.parse(options);
  const host = cleanup.use(await prepareOciHost({ stateDirectory, logger, loopShare, node: ofNode }));
  const { capacity, cgroups, instance } = host;
  const node = cleanup.use(new HostNode(capacity, ofNode, cgroups.at(instance.cgroupPath), logger));
  const runtimes = ociRuntimes(host);
  const considered = choice === 'auto' ? runtimes : runtimes.filter(({ name }) => name === choice);
  const probes = await probeAll(considered, choice, AbortSignal.timeout(60_000));
  const chosen = runtimes.find(({ name }) => probes.some((probe) => probe.chosen && probe.name === name));
  if (chosen === undefined) throw new RuntimeUnavailableError(probes.flatMap(({ problems }) => problems));
  const problems = hostProblems(chosen.name, host);
  for (const problem of problems) logger.warn({ problem }, 'the walls of sandboxes are weaker on this host');
  const cells = await prepareCells(chosen.name, host, node, logger, AbortSignal.timeout(60_000));
  const pool = cleanup.use(
    new WarmPool({
      ...{ runtime: chosen, node, templates: BUILT_IN_TEMPLATES, logger, newId: newSandboxId, readLoad },
      options: { ...DEFAULT_WARM_POOL, ...options.warmPool },
      // Time of day that no one can set back.
      clock: { nowMs: () => performance.timeOrigin + performance.now() },
    }),
  );
  const runners = 'runners' in cells ? cells.runners : undefined;
  node.onPressure(() => {
    pool.empty();
  });
  node.onShortage((missing) => pool.giveWay(missing));
  node.onShortage(() => (runners?.giveWay() === true ? runnerPromise(SERVER_LIMITS) : NOTHING));
  const release = cleanup.move();
  const limited = [host.diskProblem, 'problem' in cells ? cells.problem : undefined];
  const plane = new LocalSandboxPlane({
    ...{ runtime: chosen, pool, host, node, runners, loopShare, logger },
    runtimes: probes.map((probe) => (probe.chosen ? withProblems(probe, [...problems, ...limited]) : probe)),
    release: async () => release.disposeAsync(),
  });
  const { nodeId: id, stepGraceMs: graceMs, workspaceDirectory } = ofNode;
  return new LocalDataPlane({
    plane,
    id,
    graceMs,
    logger,
    spillDirectory: join(workspaceDirectory, 'outputs'),
  });
}

/** Probes every runtime of this host; never throws for what the host lacks. */
export async function probeRuntimes(
  options: NodeOptionsInput & { stateDirectory?: string; logger: Logger; signal: AbortSignal },
): Promise<RuntimeHealth[]> {
  const { logger, signal, stateDirectory = DEFAULT_STATE_DIRECTORY } = options;
  const missing = missingForOci();
  if (missing.length > 0) {
    return (['crun', 'runc'] as const).map((name) => ({
      ...{ name, isolation: 'container' as const, version: null },
      ...{ available: false, chosen: false, problems: missing },
    }));
  }
  const loopShare = new LoopShare(monotonicClock);
  const node = nodeOptions.parse(options);
  await using host = await prepareOciHost({ stateDirectory, logger, loopShare, node });
  const probes = await probeAll(ociRuntimes(host), 'auto', signal);
  return probes.map((probe) =>
    probe.chosen ? withProblems(probe, [...hostProblems(probe.name, host), host.diskProblem]) : probe,
  );
}

/** `more` are of the host: they are told with the runtime that is used. */
function withProblems(runtime: RuntimeHealth, more: readonly (string | undefined)[]): RuntimeHealth {
  return { ...runtime, problems: [...runtime.problems, ...more.filter((problem) => problem !== undefined)] };
}

/** In order of preference: crun starts a container in about a third of runc's time. */
function ociRuntimes(host: OciHost): OciRuntime[] {
  return [new OciRuntime('crun', host), new OciRuntime('runc', host)];
}

/** No runtime of this host can make a sandbox. */
export class RuntimeUnavailableError extends Error {
  override readonly name = 'RuntimeUnavailableError';
  /** What to do about it. */
  readonly problems: readonly string[];

  constructor(problems: readonly string[]) {
    super(`no runtime can make sandboxes here: ${problems.join('; ')}`);
    this.problems = problems;
  }
}
