/** How far back arrivals count, in milliseconds. */
const WINDOW_MS = 1_000;
/** From the wish for a new cell to a ready one, while jobs run beside it. */
const REFILL_SECONDS = 0.03;
const MOST_READY = 8;
/** Ready cells of a runner to which nothing has come for this long are given up. */
const QUIET_MS = 60_000;

/**
 * How many cells should stand ready for what will arrive while one more is made.
 * @param arrivalsMs when jobs arrived, in order; older ones than the window may be left out
 */
export function readyTarget(nowMs: number, arrivalsMs: readonly number[]): number {
  const last = arrivalsMs.at(-1);
  if (last === undefined || nowMs - last > QUIET_MS) return 0;
  const recent = arrivalsMs.length - countOver(nowMs, arrivalsMs);
  return Math.min(MOST_READY, 1 + Math.ceil((recent / (WINDOW_MS / 1000)) * REFILL_SECONDS));
}

/** The arrivals that still count: those in the window, and the last. */
export function recentArrivals(nowMs: number, arrivalsMs: readonly number[]): number[] {
  return arrivalsMs.slice(Math.min(countOver(nowMs, arrivalsMs), arrivalsMs.length - 1));
}

/** How many came before the window; they stand first. */
function countOver(nowMs: number, arrivalsMs: readonly number[]): number {
  const first = arrivalsMs.findIndex((at) => nowMs - at <= WINDOW_MS);
  return first === -1 ? arrivalsMs.length : first;
}
