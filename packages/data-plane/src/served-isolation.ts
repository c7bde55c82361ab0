import { newSandboxId } from '@caisson/protocol/api';
import type { Logger } from 'pino';
import { Runners } from './cells/runners/runners.ts';
import { NOTHING } from './node/capacity/amounts.ts';
import type { HostNode } from './node/host-node.ts';
import { runnerPromise } from './node/capacity/promises.ts';
import type { HostLoad } from './pool/demand/host-load.ts';
import type { WarmPoolOptions } from './pool/pool-options.ts';
import { WarmPool } from './pool/warm-pool.ts';
import type { Runtime } from './runtimes/runtime.ts';
import type { WorkingFamily } from './runtimes/runtime-family.ts';
import type { TemplateRoots } from './templates/template-roots.ts';
import { BUILT_IN_TEMPLATES } from './templates/templates.ts';

/** Serves the requests for one isolation. The owner disposes the pool and the runners before the family that they use. */
export interface ServedIsolation {
  readonly runtime: Pick<Runtime, 'name' | 'isolation'>;
  readonly pool: WarmPool;
  /** `undefined` if each job gets its own sandbox. */
  readonly runners: Runners | undefined;
}

/** Creates the pool and runners of a family. Ready sandboxes and idle runners are reclaimed when the node runs short. */
export function serveIsolation(
  { runtime, forkServers }: WorkingFamily,
  parts: {
    readonly node: HostNode;
    readonly roots: TemplateRoots;
    readonly options: WarmPoolOptions;
    readonly readLoad: () => HostLoad;
    readonly logger: Logger;
  },
): ServedIsolation {
  const { node, roots, options, readLoad, logger } = parts;
  const pool = new WarmPool({
    runtime,
    node,
    roots,
    templates: BUILT_IN_TEMPLATES,
    options,
    readLoad,
    // Time of day that never goes back.
    clock: { nowMs: () => performance.timeOrigin + performance.now() },
    newId: newSandboxId,
    logger,
  });
  node.onPressure(() => {
    pool.empty();
  });
  node.onShortage((missing) => pool.giveWay(missing));
  if (forkServers === undefined) return { runtime, pool, runners: undefined };
  const { limits } = forkServers;
  const runners = new Runners({
    forkServers,
    roots,
    reserve: () => node.tryReserveRunner(limits),
    logger,
    nowMs: () => performance.now(),
  });
  node.onShortage(() => (runners.giveWay() ? runnerPromise(limits) : NOTHING));
  return { runtime, pool, runners };
}
