import { parseArgs } from 'node:util';
import { FULL, QUICK } from './sizes.ts';
import type { Sizes } from './sizes.ts';
import type { SteadyOptions } from './steady.ts';

export const USAGE = `main.ts [--quick] [--only NAME,…]      the benchmark, or named sections of it
main.ts --steady                       many jobs in a row
  CAISSON_BENCH_STEADY_JOBS            how many (100000)
  CAISSON_BENCH_STEADY_CONCURRENCY     how many at a time (2)
  CAISSON_BENCH_STEADY_SECONDS         ends early after so long (10800)`;

export const SECTION_NAMES = ['jobs', 'pandas', 'sessions', 'memory', 'bursts', 'drained', 'flood'] as const;
export type SectionName = (typeof SECTION_NAMES)[number];

export interface Options {
  readonly sizes: Sizes;
  readonly quick: boolean;
  /** Sections to run; `undefined` for all. */
  readonly only: readonly SectionName[] | undefined;
  /** Set for the long run; nothing else runs then. */
  readonly steady: SteadyOptions | undefined;
}

/** @throws Error that names the wrong argument */
export function parseOptions(
  args: readonly string[],
  env: Readonly<Record<string, string | undefined>>,
): Options {
  const { values } = parseArgs({
    args: [...args],
    options: { quick: { type: 'boolean' }, steady: { type: 'boolean' }, only: { type: 'string' } },
  });
  const quick = values.quick === true;
  const only = values.only?.split(',').map((name) => {
    if (isSectionName(name)) return name;
    throw new Error(`there is no section ${name}; there are ${SECTION_NAMES.join(', ')}`);
  });
  return {
    quick,
    sizes: quick ? QUICK : FULL,
    only,
    steady: values.steady === true ? steadyOptions(env) : undefined,
  };
}

function isSectionName(name: string): name is SectionName {
  return (SECTION_NAMES as readonly string[]).includes(name);
}

function steadyOptions(env: Readonly<Record<string, string | undefined>>): SteadyOptions {
  const count = (name: string, fallback: number): number => {
    const text = env[name] ?? String(fallback);
    if (!/^[1-9]\d{0,8}$/.test(text)) throw new Error(`${name} must be a whole number above 0, not ${text}`);
    return Number(text);
  };
  return {
    jobs: count('CAISSON_BENCH_STEADY_JOBS', 100_000),
    concurrency: count('CAISSON_BENCH_STEADY_CONCURRENCY', 2),
    maxMs: count('CAISSON_BENCH_STEADY_SECONDS', 10_800) * 1000,
  };
}
