export interface WarmPoolOptions {
  /** How many of a template's default size stand ready before the first request, by template. */
  readonly warm: Readonly<Record<string, number>>;
  /** The most ready sandboxes of one class. */
  readonly maximum: number;
  /** The age at which a ready sandbox is replaced. */
  readonly maxAgeMs: number;
  /** Sandboxes made at the same time for callers who wait. */
  readonly creations: number;
}

export const DEFAULT_WARM_POOL: WarmPoolOptions = {
  warm: {},
  maximum: 16,
  maxAgeMs: 15 * 60_000,
  // On two cores, for 100 sessions at once; see docs/decisions/0004-warm-pools.md.
  creations: 16,
};
