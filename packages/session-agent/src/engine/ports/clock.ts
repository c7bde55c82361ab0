export interface Clock {
  /** Monotonic milliseconds; only differences are meaningful. */
  nowMs(): number;
}

export const monotonicClock: Clock = { nowMs: () => performance.now() };
