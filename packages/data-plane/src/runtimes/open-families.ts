import type { Isolation } from '@caisson/protocol/api';
import type { RuntimeHealth } from '@caisson/protocol/ports';
import { unavailable } from './runtime-family.ts';
import type { RuntimeChoice, RuntimeFamily, WorkingFamily } from './runtime-family.ts';
import type { RuntimeHost } from './runtime-host.ts';

/** The families of this node that work. Disposing closes them all. */
export interface OpenFamilies extends AsyncDisposable {
  /** Every runtime that was tried, in order of preference. */
  readonly health: readonly RuntimeHealth[];
  /** What serves each isolation that there is here, in order of preference. */
  readonly working: ReadonlyMap<Isolation, WorkingFamily>;
}

/**
 * Opens the families one after the other, and keeps the first of each isolation that works.
 * @param choice a runtime that its isolation must be served by; other isolations are served as with `auto`
 */
export async function openFamilies(
  families: readonly RuntimeFamily[],
  host: RuntimeHost,
  choice: RuntimeChoice,
  signal: AbortSignal,
): Promise<OpenFamilies> {
  await using cleanup = new AsyncDisposableStack();
  const health: RuntimeHealth[] = [];
  const working = new Map<Isolation, WorkingFamily>();
  for (const family of considered(families, choice)) {
    const own = choice !== 'auto' && family.names.includes(choice) ? choice : 'auto';
    const opened = await family.open(host, own, signal);
    if (working.has(family.isolation)) {
      health.push(...opened.health.map((each) => ({ ...each, chosen: false })));
      await opened[Symbol.asyncDispose]();
      continue;
    }
    cleanup.use(opened);
    health.push(...opened.health.map((each) => withWarnings(each, host.warnings)));
    if (opened.working !== undefined) working.set(family.isolation, opened.working);
  }
  const release = cleanup.move();
  return { health, working, [Symbol.asyncDispose]: async () => release.disposeAsync() };
}

/** What weakens this host weakens every runtime that is used on it. */
function withWarnings(health: RuntimeHealth, warnings: readonly string[]): RuntimeHealth {
  return health.chosen ? { ...health, problems: [...warnings, ...health.problems] } : health;
}

/** The health of `families` on a host where none can work because of `problems`. */
export function allUnavailable(
  families: readonly RuntimeFamily[],
  problems: readonly string[],
): RuntimeHealth[] {
  return families.flatMap((family) => unavailable(family, problems));
}

/** All but the other families of the chosen runtime's isolation. */
function considered(families: readonly RuntimeFamily[], choice: RuntimeChoice): readonly RuntimeFamily[] {
  if (choice === 'auto') return families;
  const chosen = families.find(({ names }) => names.includes(choice));
  return families.filter((family) => family === chosen || family.isolation !== chosen?.isolation);
}
