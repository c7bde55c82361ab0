import type { Footprint } from './host/footprint.ts';
import { median } from './statistics.ts';

export interface Growth {
  readonly name: keyof Footprint;
  /** Median of the second quarter of the samples: by then, all that is kept ready has been made. */
  readonly before: number;
  /** Median of the last quarter. */
  readonly after: number;
  readonly allowed: number;
  readonly grew: boolean;
}

/**
 * What comes and goes by itself between two looks, which is no leak: the garbage collector lets memory grow before it
 * works, and a pool may hold a sandbox more or less. A leak of one thing in every hundred jobs is far above all of these.
 */
const ALLOWED: Readonly<Record<keyof Footprint, (before: number) => number>> = {
  serverRssMib: (before) => Math.max(24, 0.15 * before),
  descriptors: () => 16,
  processes: () => 12,
  mounts: () => 120,
  cgroups: () => 40,
};

/** Compares the last quarter of the samples with the second one; at least four samples are needed. */
export function growthOf(samples: readonly Footprint[]): Growth[] {
  const quarter = Math.floor(samples.length / 4);
  if (quarter === 0) return [];
  return (Object.keys(ALLOWED) as (keyof Footprint)[]).map((name) => {
    const of = (part: readonly Footprint[]): number => median(part.map((sample) => sample[name]));
    const before = of(samples.slice(quarter, 2 * quarter));
    const after = of(samples.slice(-quarter));
    const allowed = ALLOWED[name](before);
    return { name, before, after, allowed, grew: after - before > allowed };
  });
}
