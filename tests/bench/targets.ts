import type { FigureName, Figures } from './figures.ts';

/** `steady` figures come from the long run, all others from the short one. */
export type Run = 'bench' | 'steady';

export interface Target {
  readonly name: string;
  readonly figure: FigureName;
  readonly run: Run;
  readonly limit: number;
  readonly bound: 'at most' | 'at least';
  readonly unit: '×' | 'ms' | 'MiB' | '';
  /** How the figure is measured. */
  readonly from: string;
}

export interface Evaluated extends Target {
  readonly value: number | undefined;
  readonly verdict: 'reached' | 'not reached' | 'not measured';
}

const INTERLEAVED = 'medians of interleaved rounds';
const WARM = 'server that ran for a while';
const DRAINED = 'right after the start of a server';
const short = { run: 'bench', bound: 'at most' } as const;
const steady = { run: 'steady', bound: 'at most' } as const;
const none = { limit: 0, unit: '' } as const;

/** Performance goals of Caisson, on two cores. Not promises: nothing fails if one is missed. */
export const TARGETS: readonly Target[] = [
  { ...short, name: 'job p50', figure: 'job_p50_ms', limit: 60, unit: 'ms', from: 'one after the other' },
  { ...short, name: 'job p50 / bare', figure: 'job_p50_over_bare', limit: 0.6, unit: '×', from: INTERLEAVED },
  {
    ...short,
    bound: 'at least',
    limit: 2,
    unit: '×',
    from: `${INTERLEAVED}, 8 at once`,
    name: 'jobs per second / bwrap with two workers',
    figure: 'jobs_per_second_over_bwrap',
  },
  {
    ...short,
    bound: 'at least',
    limit: 40,
    unit: '×',
    from: `${INTERLEAVED}, 8 at once`,
    name: 'jobs per second / docker run with two workers',
    figure: 'jobs_per_second_over_docker_run',
  },
  {
    ...short,
    limit: 0.05,
    unit: '×',
    from: INTERLEAVED,
    name: 'job that imports pandas, p50 / bare',
    figure: 'pandas_job_p50_over_bare',
  },
  {
    ...short,
    name: 'step p50, first goal',
    figure: 'step_p50_ms',
    limit: 3,
    unit: 'ms',
    from: 'live session',
  },
  { ...short, name: 'step p50', figure: 'step_p50_ms', limit: 1.5, unit: 'ms', from: 'live session' },
  ...bursts('burst_jobs', 'burst of jobs', 3000, WARM),
  ...bursts('burst_sessions', 'burst of sessions', 2500, WARM),
  ...bursts('drained_burst_jobs', 'burst of jobs, drained', 3000, DRAINED),
  ...bursts('drained_burst_sessions', 'burst of sessions, drained', 2500, DRAINED),
  {
    ...short,
    name: 'idle Python session',
    figure: 'idle_session_mib',
    limit: 12,
    unit: 'MiB',
    from: 'PSS, median',
  },
  ...flood('flood_job_p99_over_quiet', 'print(1), p99 / in quiet', 10, '×'),
  ...flood('flood_health_p99_ms', '/healthz, p99', 50, 'ms'),
  ...flood('flood_lateness_ms', 'latest end after a deadline', 500, 'ms'),
  ...flood('flood_growth_mib', 'growth of the server', 100, 'MiB'),
  {
    ...steady,
    limit: 1.5,
    unit: '×',
    from: 'last thousand jobs / first thousand',
    name: 'steadiness: p99, last / first',
    figure: 'steady_p99_last_over_first',
  },
  {
    ...steady,
    ...none,
    name: 'steadiness: what grew',
    figure: 'steady_leaks',
    from: 'last quarter / second quarter',
  },
  { ...steady, ...none, name: 'steadiness: failures', figure: 'steady_failures', from: 'all jobs' },
];

/** Targets of `run`, each with its measured figure. */
export function evaluateTargets(targets: readonly Target[], figures: Figures, run: Run): Evaluated[] {
  return targets
    .filter((target) => target.run === run)
    .map((target) => {
      const value = figures[target.figure];
      return { ...target, value, verdict: verdictOf(target, value) };
    });
}

function verdictOf({ bound, limit }: Target, value: number | undefined): Evaluated['verdict'] {
  if (value === undefined || Number.isNaN(value)) return 'not measured';
  return (bound === 'at most' ? value <= limit : value >= limit) ? 'reached' : 'not reached';
}

type BurstFigure = 'burst_jobs' | 'burst_sessions' | 'drained_burst_jobs' | 'drained_burst_sessions';

function bursts(figure: BurstFigure, name: string, limitMs: number, from: string): Target[] {
  return [
    { ...short, ...none, name: `${name}: failures`, figure: `${figure}_failures`, from },
    { ...short, name: `${name}: p99`, figure: `${figure}_p99_ms`, limit: limitMs, unit: 'ms', from },
  ];
}

function flood(figure: FigureName, name: string, limit: number, unit: Target['unit']): Target[] {
  return [
    { ...short, name: `flood: ${name}`, figure, limit, unit, from: 'another tenant, median of rounds' },
  ];
}
