/** What decides how long a runner is used. Times are of a clock that never goes back. */
export interface RunnerState {
  readonly startedMs: number;
  /** When a job last began or ended. */
  readonly lastUsedMs: number;
  readonly running: number;
  /** Cells forked so far. */
  readonly cells: number;
}

/** Cells of one runner share their hash seed and address layout: what code learns of them must not stay useful for long. */
const MOST_AGE_MS = 15 * 60_000;
/** Far below the number of user ids that a runner has. */
const MOST_CELLS = 5_000;
const IDLE_MS = 5 * 60_000;
/** At this multiple of either it takes no more jobs, even if its successor has not started. */
const OVERDUE = 2;

/** `idle`: to be ended. `due`: good for now, to be replaced. `overdue`: takes no more jobs. */
export type RunnerAge = 'good' | 'idle' | 'due' | 'overdue';

export function ageOf(nowMs: number, runner: RunnerState): RunnerAge {
  const ageMs = nowMs - runner.startedMs;
  if (ageMs >= MOST_AGE_MS * OVERDUE || runner.cells >= MOST_CELLS * OVERDUE) return 'overdue';
  if (runner.running === 0 && nowMs - runner.lastUsedMs >= IDLE_MS) return 'idle';
  return ageMs >= MOST_AGE_MS || runner.cells >= MOST_CELLS ? 'due' : 'good';
}

/** The least recently used of the runners without jobs; `undefined` where all have some. */
export function leastRecentlyUsed<Runner extends RunnerState>(runners: Iterable<Runner>): Runner | undefined {
  let oldest: Runner | undefined;
  for (const runner of runners) {
    if (runner.running > 0) continue;
    if (oldest === undefined || runner.lastUsedMs < oldest.lastUsedMs) oldest = runner;
  }
  return oldest;
}
