import { recentRate, usualRate } from './arrival-history.ts';
import type { ArrivalHistory } from './arrival-history.ts';

/** How long the ready ones have to last, until refilling at its slowest has caught up, in milliseconds. */
const COVER_MS = 5_000;
/** The level is to be there before the quarter of an hour begins that needs it. */
const AHEAD_MS = 60_000;
/** Of a random stream; so that in 97 of 100 such spans there are enough. */
const STANDARD_DEVIATIONS = 2;

export interface LevelBounds {
  readonly minimum: number;
  readonly maximum: number;
}

/**
 * How many sandboxes of a class should stand ready: what is expected to arrive while refilling catches up, by the last
 * minutes or by this time on earlier days, whichever is more, and a margin, since arrivals come in clusters.
 */
export function targetLevel(nowMs: number, history: ArrivalHistory, bounds: LevelBounds): number {
  const rates = [recentRate(nowMs, history), usualRate(nowMs, history), usualRate(nowMs + AHEAD_MS, history)];
  const expected = Math.max(...rates) * COVER_MS;
  // The standard deviation of a Poisson distribution is the root of its mean.
  const level = Math.round(expected + STANDARD_DEVIATIONS * Math.sqrt(expected));
  return Math.min(bounds.maximum, Math.max(bounds.minimum, level));
}
