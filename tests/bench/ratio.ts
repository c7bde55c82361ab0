import { median } from './statistics.ts';

/** A figure as a multiple of the baseline; `min` and `max` are of single rounds, and show the noise. */
export interface Ratio {
  readonly value: number;
  readonly min: number;
  readonly max: number;
}

/**
 * Ratio of two series that were measured alternately: figure and baseline of a round have the same index. Uses medians, so that
 * one disturbed round does not count. `undefined` if a series is empty.
 */
export function ratioOfRounds(figure: readonly number[], baseline: readonly number[]): Ratio | undefined {
  const rounds = figure
    .map((value, index) => value / (baseline[index] ?? NaN))
    .filter((value) => Number.isFinite(value));
  const value = median(figure) / median(baseline);
  if (rounds.length === 0 || !Number.isFinite(value)) return undefined;
  return { value, min: Math.min(...rounds), max: Math.max(...rounds) };
}
