export interface WarmPoolOptions {
  /** How many stand ready of a template's default size before anyone has asked, by template. */
  readonly warm: Readonly<Record<string, number>>;
  /** Ready ones of one class, at most. */
  readonly maximum: number;
  /** After which a ready one is replaced, in milliseconds. */
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
