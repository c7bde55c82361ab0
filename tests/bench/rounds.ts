import type { Sample } from './sample.ts';

export type Measure = () => Promise<Sample>;

/**
 * Alternates between the measures (A B A B …), so that a temporary disturbance affects all of them. Samples of one round have the
 * same index. Ends early, after a complete round, once `maxMs` have passed. A measure that this machine does not support is
 * `undefined`, and its series is empty.
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
