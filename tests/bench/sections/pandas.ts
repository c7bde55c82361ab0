import { bare, PANDAS_CODE } from '../baselines/commands.ts';
import { assertPrinted } from '../client.ts';
import { runLoad } from '../load.ts';
import { ratioOfRounds } from '../ratio.ts';
import { interleave } from '../rounds.ts';
import { roundMedians, rowOfSeries } from '../row.ts';
import type { Section } from './section.ts';

/** Cost of a heavy import per job, if it is not loaded already. */
export const pandas: Section = {
  title: 'Jobs: import pandas',
  async run({ client, signal, spawnLoop, sizes }) {
    const scopes = new Set<string>();
    const each = { count: sizes.pandas.each, maxMs: sizes.pandas.maxMs, concurrency: 1 };
    const job = async (): Promise<void> => {
      const result = await client.job(PANDAS_CODE);
      assertPrinted(result, '1\n');
      scopes.add(result.isolation_scope ?? 'unknown');
    };
    const series = await interleave(
      sizes.pandas,
      {
        bare: () => spawnLoop.run(bare(PANDAS_CODE), each),
        jobs: () => runLoad(each, job, signal),
      },
      signal,
    );
    const note = `scope: ${[...scopes].join(', ') || 'unknown'}`;
    return {
      rows: [
        rowOfSeries('bare', series.bare),
        rowOfSeries('job, 1 at once', series.jobs, {
          baseline: { name: 'bare', series: series.bare },
          note,
        }),
      ],
      figures: {
        pandas_job_p50_over_bare: ratioOfRounds(roundMedians(series.jobs), roundMedians(series.bare))?.value,
      },
    };
  },
};
