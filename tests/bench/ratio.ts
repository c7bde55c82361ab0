import { median } from './statistics.ts';

/** How many times the baseline a figure is; `min` and `max` are those of single rounds, and show the noise. */
export interface Ratio {
  readonly value: number;
  readonly min: number;
  readonly max: number;
}

/**
 * Ratio of two series that were measured in turns: the figure and the baseline of one round stand at the same index.
 * Of medians, so that a round that the machine disturbed does not count. `undefined` where a series has no value.
 */
export function ratioOfRounds(figure: readonly number[], baseline: readonly number[]): Ratio | undefined {
  const rounds = figure
    .map((value, index) => value / (baseline[index] ?? NaN))
    .filter((value) => Number.isFinite(value));
  const value = median(figure) / median(baseline);
  if (rounds.length === 0 || !Number.isFinite(value)) return undefined;
  return { value, min: Math.min(...rounds), max: Math.max(...rounds) };
}
