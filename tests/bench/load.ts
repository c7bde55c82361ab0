import type { Sample } from './sample.ts';

export interface Load {
  /** Maximum number of repetitions. */
  readonly count: number;
  /** No repetition starts after this time. */
  readonly maxMs: number;
  /** How many run at once. */
  readonly concurrency: number;
}

/** Repeats `one` and times each. What it throws counts as a failure, unless `signal` is aborted. */
export async function runLoad(
  load: Load,
  one: (index: number) => Promise<void>,
  signal: AbortSignal,
): Promise<Sample> {
  const latenciesMs: number[] = [];
  const failures: string[] = [];
  let begun = 0;
  const begin = performance.now();
  const worker = async (): Promise<void> => {
    while (begun < load.count && performance.now() - begin < load.maxMs) {
      signal.throwIfAborted();
      const index = begun++;
      const start = performance.now();
      try {
        await one(index);
        latenciesMs.push(performance.now() - start);
      } catch (error) {
        signal.throwIfAborted();
        failures.push(error instanceof Error ? error.message : String(error));
      }
    }
  };
  await Promise.all(Array.from({ length: Math.min(load.concurrency, load.count) }, worker));
  return { latenciesMs, wallMs: performance.now() - begin, failures };
}
