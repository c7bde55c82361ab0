/** Figures that have targets. */
export const FIGURES = [
  'job_p50_ms',
  'job_p50_over_bare',
  'jobs_per_second_over_bwrap',
  'jobs_per_second_over_docker_run',
  'pandas_job_p50_over_bare',
  'step_p50_ms',
  'burst_jobs_p99_ms',
  'burst_jobs_failures',
  'burst_sessions_p99_ms',
  'burst_sessions_failures',
  'drained_burst_jobs_p99_ms',
  'drained_burst_jobs_failures',
  'drained_burst_sessions_p99_ms',
  'drained_burst_sessions_failures',
  'idle_session_mib',
  'flood_job_p99_over_quiet',
  'flood_health_p99_ms',
  'flood_lateness_ms',
  'flood_growth_mib',
  'steady_p99_last_over_first',
  'steady_leaks',
  'steady_failures',
] as const;

export type FigureName = (typeof FIGURES)[number];

/** Measured figures; one that is not available on this machine is missing. */
export type Figures = { readonly [Name in FigureName]?: number | undefined };
