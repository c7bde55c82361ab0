import type { Sample } from './sample.ts';

export type Measure = () => Promise<Sample>;

/**
 * Takes all measures in turns (A B A B …), so that what disturbs the machine for a while disturbs them all alike. The
 * samples of one round stand at the same index. Ends early, with whole rounds only, once `maxMs` have passed. A measure
 * that this machine does not offer is `undefined`, and its series empty.
 */
export async function interleave<Name extends string>(
  { rounds, maxMs }: { readonly rounds: number; readonly maxMs: number },
  measures: Readonly<Record<Name, Measure | undefined>>,
  signal: AbortSignal,
): Promise<Record<Name, Sample[]>> {
  const names = Object.keys(measures) as Name[];
  const series = Object.fromEntries(names.map((name) => [name, []])) as unknown as Record<Name, Sample[]>;
  const begin = performance.now();
  for (let round = 0; round < rounds && (round === 0 || performance.now() - begin < maxMs); round++) {
    for (const name of names) {
      signal.throwIfAborted();
      const sample = await measures[name]?.();
      if (sample !== undefined) series[name].push(sample);
    }
  }
  return series;
}
