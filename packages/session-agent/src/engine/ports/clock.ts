export interface Clock {
  /** Milliseconds that never go back; only differences mean anything. */
  nowMs(): number;
}

export const monotonicClock: Clock = { nowMs: () => performance.now() };
