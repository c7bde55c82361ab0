import type { Figures } from './figures.ts';
import type { Row } from './row.ts';
import type { Bench, Section } from './sections/section.ts';

export interface SectionReport {
  readonly title: string;
  readonly rows: readonly Row[];
  /** Why the section could not be measured. */
  readonly error?: string;
  readonly tookMs: number;
}

/** Runs the sections one after the other, and calls `onDone` after each, even if it failed. */
export async function runSections(
  sections: readonly Section[],
  bench: Bench,
  onDone: (report: SectionReport) => void,
): Promise<{ reports: SectionReport[]; figures: Figures }> {
  const reports: SectionReport[] = [];
  let figures: Figures = {};
  for (const { title, run } of sections) {
    const begin = performance.now();
    let report: SectionReport;
    try {
      bench.signal.throwIfAborted();
      const result = await run(bench);
      figures = { ...figures, ...result.figures };
      report = { title, rows: result.rows, tookMs: performance.now() - begin };
    } catch (error) {
      report = { title, rows: [], error: describeError(error), tookMs: performance.now() - begin };
    }
    reports.push(report);
    onDone(report);
  }
  return { reports, figures };
}

function describeError(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
