import { bare, bwrap, PRINT_CODE } from '../baselines/commands.ts';
import { assertPrinted } from '../client.ts';
import { withEventLoopDelay } from '../event-loop.ts';
import { runLoad } from '../load.ts';
import { ratioOfRounds } from '../ratio.ts';
import { interleave } from '../rounds.ts';
import type { Measure } from '../rounds.ts';
import { roundMedians, roundRates, rowOfSeries } from '../row.ts';
import type { Row } from '../row.ts';
import type { Sample } from '../sample.ts';
import { median } from '../statistics.ts';
import type { Bench, Section } from './section.ts';

const UNBOUNDED = 1_000_000;

/** A job over HTTP, from the request to the result, including creation and destruction of its sandbox or cell. */
export const jobs: Section = {
  title: "Jobs: print(1), against /usr/bin/python3 -c 'print(1)'",
  async run(bench) {
    const scopes = new Set<string>();
    const series = await measure(bench, scopes);
    const bareMedians = roundMedians(series.bare);
    const rates = roundRates(series.jobs8);
    return {
      rows: rowsOf(series, `scope: ${[...scopes].join(', ') || 'unknown'}`, bench.docker !== undefined),
      figures: {
        job_p50_ms: median(series.jobs1.flatMap((sample) => sample.latenciesMs)),
        job_p50_over_bare: ratioOfRounds(roundMedians(series.jobs1), bareMedians)?.value,
        jobs_per_second_over_bwrap: ratioOfRounds(rates, roundRates(series.bwrap2))?.value,
        jobs_per_second_over_docker_run: ratioOfRounds(rates, roundRates(series.dockerRun2))?.value,
      },
    };
  },
};

type Series = Awaited<ReturnType<typeof measure>>;

function measure(bench: Bench, scopes: Set<string>) {
  const { client, docker, signal, spawnLoop, sizes } = bench;
  const { oneByOne, baselines, loadMs } = sizes.jobs;
  const spawning = (argv: readonly string[], concurrency: number): Measure => {
    return () => spawnLoop.run(argv, { count: baselines * concurrency, maxMs: loadMs, concurrency });
  };
  const job = async (): Promise<void> => {
    const result = await client.job(PRINT_CODE);
    assertPrinted(result, '1\n');
    scopes.add(result.isolation_scope ?? 'unknown');
  };
  const load = (count: number, concurrency: number): Measure => {
    const measureLoad = (): Promise<Sample> => runLoad({ count, maxMs: loadMs, concurrency }, job, signal);
    return () => withEventLoopDelay(client, measureLoad);
  };
  const measures = {
    bare: spawning(bare(PRINT_CODE), 1),
    jobs1: load(oneByOne, 1),
    bwrap: spawning(bwrap(PRINT_CODE), 1),
    jobs8: load(UNBOUNDED, 8),
    bare2: spawning(bare(PRINT_CODE), 2),
    jobs64: load(UNBOUNDED, 64),
    bwrap2: spawning(bwrap(PRINT_CODE), 2),
    dockerRun: docker && spawning(docker.run(PRINT_CODE), 1),
    dockerRun2: docker && spawning(docker.run(PRINT_CODE), 2),
    dockerExec: docker && spawning(docker.exec(PRINT_CODE), 1),
  };
  return interleave(sizes.jobs, measures, signal);
}

function rowsOf(series: Series, scope: string, hasDocker: boolean): Row[] {
  const baseline = { name: 'bare', series: series.bare };
  const to = { baseline };
  const absent = (measureName: string): Row => ({ measure: measureName, unit: '', note: 'no engine' });
  const docker = (name: string, of: readonly Sample[]): Row =>
    hasDocker ? rowOfSeries(name, of, to) : absent(name);
  return [
    rowOfSeries('bare', series.bare),
    rowOfSeries('bare, 2 workers', series.bare2, to),
    rowOfSeries('bwrap', series.bwrap, to),
    rowOfSeries('bwrap, 2 workers', series.bwrap2, to),
    docker('docker run', series.dockerRun),
    docker('docker run, 2 workers', series.dockerRun2),
    docker('docker exec', series.dockerExec),
    rowOfSeries('job, 1 at once', series.jobs1, { baseline, note: scope }),
    rowOfSeries('job, 8 at once', series.jobs8, to),
    rowOfSeries('job, 64 at once', series.jobs64, to),
    {
      measure: 'jobs per second, 8 at once',
      unit: '',
      ratio: ratioTo('bwrap, 2 workers', roundRates(series.jobs8), roundRates(series.bwrap2)),
    },
  ];
}

function ratioTo(to: string, figure: readonly number[], baseline: readonly number[]): Row['ratio'] {
  const ratio = ratioOfRounds(figure, baseline);
  return ratio && { ...ratio, to };
}
