import { perSecond } from './sample.ts';
import type { Sample } from './sample.ts';
import { ratioOfRounds } from './ratio.ts';
import type { Ratio } from './ratio.ts';
import { median, summarize } from './statistics.ts';
import type { Summary } from './statistics.ts';

/** One line of the report. */
export interface Row {
  readonly measure: string;
  readonly unit: 'ms' | 'MiB' | '';
  readonly summary?: Summary | undefined;
  readonly perSecond?: number | undefined;
  readonly ratio?: (Ratio & { readonly to: string }) | undefined;
  readonly failures?: number | undefined;
  readonly note?: string | undefined;
}

/** A series as a line; its ratio is that of the medians of the latencies. */
export function rowOfSeries(
  measure: string,
  series: readonly Sample[],
  options: { readonly baseline?: Baseline; readonly note?: string } = {},
): Row {
  const { baseline } = options;
  const ratio = baseline && ratioOfRounds(roundMedians(series), roundMedians(baseline.series));
  const failures = series.flatMap((sample) => sample.failures);
  const delays = series.flatMap(({ eventLoopDelayMs: delay }) => (delay === undefined ? [] : [delay]));
  const notes = [
    options.note,
    delays.length > 0 ? `loop delay p99 ${median(delays).toFixed(0)} ms` : undefined,
    failures.length > 0 ? describeFailures(failures) : undefined,
  ];
  return {
    measure,
    unit: 'ms',
    summary: summarize(series.flatMap((sample) => sample.latenciesMs)),
    perSecond: median(series.map(perSecond)),
    ratio: baseline && ratio && { ...ratio, to: baseline.name },
    failures: failures.length,
    note: notes.filter((note) => note !== undefined).join('; ') || undefined,
  };
}

export interface Baseline {
  readonly name: string;
  readonly series: readonly Sample[];
}

export function roundMedians(series: readonly Sample[]): number[] {
  return series.map((sample) => median(sample.latenciesMs));
}

export function roundRates(series: readonly Sample[]): number[] {
  return series.map(perSecond);
}

const MOST_KINDS = 3;

/** The most frequent failures, each with its count. */
export function describeFailures(failures: readonly string[]): string {
  const kinds = Map.groupBy(failures, (failure) => failure);
  return [...kinds]
    .toSorted(([, a], [, b]) => b.length - a.length)
    .slice(0, MOST_KINDS)
    .map(([failure, { length }]) => `${length} failed: ${failure}`)
    .join('; ');
}
