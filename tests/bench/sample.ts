/** What one round of one measure brought. */
export interface Sample {
  /** How long each repetition took that did not fail, in milliseconds. */
  readonly latenciesMs: readonly number[];
  /** How long all of them took together. */
  readonly wallMs: number;
  /** What went wrong, one text for each repetition that failed. */
  readonly failures: readonly string[];
  /** How late the server's event loop was at p99 meanwhile, where it tells. */
  readonly eventLoopDelayMs?: number | undefined;
}

/** Repetitions that went well, per second of the round. */
export function perSecond(sample: Sample): number {
  return sample.latenciesMs.length / (sample.wallMs / 1000);
}
