/** How far back arrivals count, in milliseconds. */
const WINDOW_MS = 1_000;
/** The assumed duration of a fork until one was measured: that of two cores which other jobs use as well. */
const FIRST_FORK_MS = 30;
/** Weight of the newest fork in the estimate. */
const NEWEST_SHARE = 0.2;
export const MOST_READY = 8;
/** A runner without jobs for this long keeps no cells ready. */
const QUIET_MS = 60_000;

/**
 * How many cells should stand ready for the jobs that arrive while one more is forked.
 * @param arrivalsMs when jobs arrived, in order; those before the window may be left out
 * @param forkMs duration of a fork
 */
export function readyTarget(nowMs: number, arrivalsMs: readonly number[], forkMs: number): number {
  const last = arrivalsMs.at(-1);
  if (last === undefined || nowMs - last > QUIET_MS) return 0;
  const recent = arrivalsMs.length - countOver(nowMs, arrivalsMs);
  return Math.min(MOST_READY, 1 + Math.ceil((recent / WINDOW_MS) * forkMs));
}

/** Recent duration of a runner's forks, as an exponential moving average. On a busy host it is ten times that of an idle one. */
export class ForkTime {
  #ms: number | undefined;

  get ms(): number {
    return this.#ms ?? FIRST_FORK_MS;
  }

  /** @param ms from the request for a cell until it is there */
  add(ms: number): void {
    this.#ms = this.ms + NEWEST_SHARE * (ms - this.ms);
  }
}

/** The arrivals that still count: those in the window, and the last. */
export function recentArrivals(nowMs: number, arrivalsMs: readonly number[]): number[] {
  return arrivalsMs.slice(Math.min(countOver(nowMs, arrivalsMs), arrivalsMs.length - 1));
}

/** How many arrivals lie before the window; they come first. */
function countOver(nowMs: number, arrivalsMs: readonly number[]): number {
  const first = arrivalsMs.findIndex((at) => nowMs - at <= WINDOW_MS);
  return first === -1 ? arrivalsMs.length : first;
}
