/** Result of one round of one measure. */
export interface Sample {
  /** Duration of each successful repetition, in milliseconds. */
  readonly latenciesMs: readonly number[];
  /** Duration of the whole round, in milliseconds. */
  readonly wallMs: number;
  /** One message per failed repetition. */
  readonly failures: readonly string[];
  /** p99 of the server's event loop delay during the round, if known. */
  readonly eventLoopDelayMs?: number | undefined;
}

/** Successful repetitions per second of the round. */
export function perSecond(sample: Sample): number {
  return sample.latenciesMs.length / (sample.wallMs / 1000);
}
