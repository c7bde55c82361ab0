import type { Footprint } from './host/footprint.ts';
import { median } from './statistics.ts';

export interface Growth {
  readonly name: keyof Footprint;
  /** Median of the second quarter of the samples: by then, the pools are full. */
  readonly before: number;
  /** Median of the last quarter. */
  readonly after: number;
  readonly allowed: number;
  readonly grew: boolean;
}

/**
 * Normal variation between two samples, which is no leak: memory grows until the garbage collector runs, and a pool may hold one
 * sandbox more or less. A leak of one object per hundred jobs is far above these.
 */
const ALLOWED: Readonly<Record<keyof Footprint, (before: number) => number>> = {
  serverRssMib: (before) => Math.max(24, 0.15 * before),
  descriptors: () => 16,
  processes: () => 12,
  mounts: () => 120,
  cgroups: () => 40,
};

/** Compares the last quarter of the samples with the second; needs at least four samples. */
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
