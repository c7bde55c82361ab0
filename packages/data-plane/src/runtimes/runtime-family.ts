import type { Isolation, RuntimeName } from '@caisson/protocol/api';
import type { RuntimeHealth } from '@caisson/protocol/ports';
import type { ForkServers } from '../cells/fork-server/fork-server.ts';
import type { SharedHost } from '../sandboxes/host-watch.ts';
import type { Runtime } from './runtime.ts';
import type { RuntimeHost } from './runtime-host.ts';

export type RuntimeChoice = RuntimeName | 'auto';

/** What one folder of `runtimes/` offers: runtimes of one isolation, of which one is used at a time. */
export interface RuntimeFamily {
  readonly isolation: Isolation;
  /** In order of preference. */
  readonly names: readonly [RuntimeName, ...RuntimeName[]];
  /**
   * Prepares what its sandboxes share, and runs something in a sandbox of each runtime that `choice` allows. Never throws for what
   * this host lacks: that is in the problems, in words a person can act on. The caller disposes the result before `host`.
   * @param choice one of `names`, or `auto` for the first that works
   */
  open(host: RuntimeHost, choice: RuntimeChoice, signal: AbortSignal): Promise<OpenFamily>;
}

/** Disposing releases all that the family has prepared; its sandboxes and runners must have been disposed. */
export interface OpenFamily extends AsyncDisposable {
  /** One for each runtime that was tried, with what is wrong with it; the one in `working` is `chosen`. */
  readonly health: readonly RuntimeHealth[];
  /** `undefined` where none of them works here. */
  readonly working: WorkingFamily | undefined;
}

/** What the sandboxes and cells of one isolation are made with. */
export interface WorkingFamily {
  readonly runtime: Runtime;
  /** Makes the runners of cells; `undefined` where a job always gets a sandbox of its own. */
  readonly forkServers: ForkServers | undefined;
  /** What its sandboxes cannot live without. */
  readonly shared: SharedHost;
  /** The directory whose disk space workspaces can take; `undefined` where they cannot lie on this machine's disk. */
  readonly diskDirectory: string | undefined;
}

/** The health of a family on a host where none of its runtimes can work because of `problems`. */
export function unavailable(
  { isolation, names }: Pick<RuntimeFamily, 'isolation' | 'names'>,
  problems: readonly string[],
): RuntimeHealth[] {
  return names.map((name) => ({
    name,
    isolation,
    version: null,
    available: false,
    chosen: false,
    problems,
  }));
}
