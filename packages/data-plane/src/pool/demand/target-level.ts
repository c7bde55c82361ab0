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

/** How many more sandboxes the tenants whom a forecast knows of could take by their quotas. */
export interface Room {
  /** Those of the last minutes. */
  readonly recent: number;
  /** Those of the last days too. */
  readonly usual: number;
}

/**
 * How many sandboxes of a class should stand ready: what is expected to arrive while refilling catches up, by the last
 * minutes or by this time on earlier days, whichever is more, but no more than the same tenants could take.
 */
export function targetLevel(nowMs: number, history: ArrivalHistory, room: Room, bounds: LevelBounds): number {
  const recent = recentRate(nowMs, history);
  const usual = Math.max(usualRate(nowMs, history), usualRate(nowMs + AHEAD_MS, history));
  const level = Math.max(Math.min(levelAt(recent), room.recent), Math.min(levelAt(usual), room.usual));
  return Math.min(bounds.maximum, Math.max(bounds.minimum, level));
}

/** What arrives at a rate while refilling catches up, and a margin, since arrivals come in clusters. */
function levelAt(ratePerMs: number): number {
  const expected = ratePerMs * COVER_MS;
  // The standard deviation of a Poisson distribution is the root of its mean.
  return Math.round(expected + STANDARD_DEVIATIONS * Math.sqrt(expected));
}
