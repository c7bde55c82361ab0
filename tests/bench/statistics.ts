/** Summary of a set of samples, in their unit. */
export interface Summary {
  readonly count: number;
  readonly p50: number;
  readonly p95: number;
  readonly p99: number;
  readonly min: number;
  readonly max: number;
}

/** The smallest of `values` that at least the share `q` (0 to 1) of them does not exceed; NaN if there are none. */
export function percentile(values: readonly number[], q: number): number {
  return percentileOfSorted(sorted(values), q);
}

export function median(values: readonly number[]): number {
  return percentile(values, 0.5);
}

/** `undefined` without values. */
export function summarize(values: readonly number[]): Summary | undefined {
  if (values.length === 0) return undefined;
  const ascending = sorted(values);
  const [p50, p95, p99] = [0.5, 0.95, 0.99].map((q) => percentileOfSorted(ascending, q)) as [
    number,
    number,
    number,
  ];
  return { count: values.length, p50, p95, p99, min: ascending[0] ?? NaN, max: ascending.at(-1) ?? NaN };
}

function sorted(values: readonly number[]): number[] {
  return values.toSorted((a, b) => a - b);
}

function percentileOfSorted(ascending: readonly number[], q: number): number {
  const rank = Math.ceil(q * ascending.length);
  return ascending[Math.min(Math.max(rank, 1), ascending.length) - 1] ?? NaN;
}
