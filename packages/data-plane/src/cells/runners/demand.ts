/** How far back arrivals count, in milliseconds. */
const WINDOW_MS = 1_000;
/** How long a fork is taken to last before the first was measured; the figure of two cores that other jobs use as well. */
const FIRST_FORK_MS = 30;
/** How much of the estimate each further fork is. */
const NEWEST_SHARE = 0.2;
export const MOST_READY = 8;
/** Ready cells of a runner to which nothing has come for this long are given up. */
const QUIET_MS = 60_000;

/**
 * How many cells should stand ready for what will arrive while one more is made.
 * @param arrivalsMs when jobs arrived, in order; older ones than the window may be left out
 * @param forkMs how long a fork lasts
 */
export function readyTarget(nowMs: number, arrivalsMs: readonly number[], forkMs: number): number {
  const last = arrivalsMs.at(-1);
  if (last === undefined || nowMs - last > QUIET_MS) return 0;
  const recent = arrivalsMs.length - countOver(nowMs, arrivalsMs);
  return Math.min(MOST_READY, 1 + Math.ceil((recent / WINDOW_MS) * forkMs));
}

/** What the forks of a runner lasted lately, as an exponential moving average: where others keep the processors busy, ten times as long. */
export class ForkTime {
  #ms: number | undefined;

  get ms(): number {
    return this.#ms ?? FIRST_FORK_MS;
  }

  /** @param ms from the wish for a cell to its being there */
  add(ms: number): void {
    this.#ms = this.ms + NEWEST_SHARE * (ms - this.ms);
  }
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
