import { recentRate, usualRate } from './arrival-history.ts';
import type { ArrivalHistory } from './arrival-history.ts';

/** How long the ready sandboxes must last: until the slowest refilling has caught up. */
const COVER_MS = 5_000;
/** The level is reached this long before the quarter of an hour that needs it. */
const AHEAD_MS = 60_000;
/** Added to the mean of a random stream: then 97 of 100 such spans have enough. */
const STANDARD_DEVIATIONS = 2;

export interface LevelBounds {
  readonly minimum: number;
  readonly maximum: number;
}

/** How many more sandboxes the quotas of recent requesters allow. */
export interface Room {
  /** Requesters of the last minutes. */
  readonly recent: number;
  /** Requesters of the last days. */
  readonly usual: number;
}

/**
 * How many sandboxes of a class should stand ready: as many as are expected to be requested while refilling catches up, by the
 * last minutes or by this time on earlier days, whichever is more, but no more than the requesters' quotas allow.
 */
export function targetLevel(nowMs: number, history: ArrivalHistory, room: Room, bounds: LevelBounds): number {
  const recent = recentRate(nowMs, history);
  const usual = Math.max(usualRate(nowMs, history), usualRate(nowMs + AHEAD_MS, history));
  const level = Math.max(Math.min(levelAt(recent), room.recent), Math.min(levelAt(usual), room.usual));
  return Math.min(bounds.maximum, Math.max(bounds.minimum, level));
}

/** The arrivals at a rate while refilling catches up, plus a margin, since arrivals come in clusters. */
function levelAt(ratePerMs: number): number {
  const expected = ratePerMs * COVER_MS;
  // The standard deviation of a Poisson distribution is the root of its mean.
  return Math.round(expected + STANDARD_DEVIATIONS * Math.sqrt(expected));
}
