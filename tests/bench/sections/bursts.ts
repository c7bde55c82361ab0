import { bare, PRINT_CODE } from '../baselines/commands.ts';
import { assertPrinted, Client } from '../client.ts';
import { withEventLoopDelay } from '../event-loop.ts';
import { runLoad } from '../load.ts';
import type { Load } from '../load.ts';
import { ratioOfRounds } from '../ratio.ts';
import { rowOfSeries } from '../row.ts';
import type { Row } from '../row.ts';
import type { Sample } from '../sample.ts';
import { perSecond } from '../sample.ts';
import { percentile } from '../statistics.ts';
import type { Bench, Section, SectionResult } from './section.ts';

const MAX_MS = 60_000;

/** All jobs at once, on a server with a full pool. */
export const warmBursts: Section = {
  title: 'Bursts, on a server that ran for a while',
  async run(bench) {
    const jobs = await jobBurst(bench, bench.client);
    const sessions = await sessionBurst(bench, bench.client);
    return {
      rows: [...jobs.rows, ...sessions.rows],
      figures: {
        burst_jobs_p99_ms: jobs.p99Ms,
        burst_jobs_failures: jobs.failures,
        burst_sessions_p99_ms: sessions.p99Ms,
        burst_sessions_failures: sessions.failures,
      },
    };
  },
};

/** The same on servers that have just started, so that nothing is ready. */
export const drainedBursts: Section = {
  title: 'Bursts, right after the start of a server',
  async run(bench): Promise<SectionResult> {
    const jobs = await onFreshServer(bench, jobBurst);
    const sessions = await onFreshServer(bench, sessionBurst);
    return {
      rows: [...jobs.rows, ...sessions.rows],
      figures: {
        drained_burst_jobs_p99_ms: jobs.p99Ms,
        drained_burst_jobs_failures: jobs.failures,
        drained_burst_sessions_p99_ms: sessions.p99Ms,
        drained_burst_sessions_failures: sessions.failures,
      },
    };
  },
};

interface Burst {
  readonly rows: readonly Row[];
  readonly p99Ms: number;
  readonly failures: number;
}

async function onFreshServer(
  bench: Bench,
  burst: (bench: Bench, client: Client) => Promise<Burst>,
): Promise<Burst> {
  await using server = await bench.startServer();
  using client = new Client(server.url, server.adminKey);
  return await burst(bench, client);
}

async function jobBurst(bench: Bench, client: Client): Promise<Burst> {
  const count = bench.sizes.bursts.jobs;
  const scopes = new Set<string>();
  const job = async (): Promise<void> => {
    const result = await client.job(PRINT_CODE);
    assertPrinted(result, '1\n');
    scopes.add(result.isolation_scope ?? 'unknown');
  };
  const name = `${count} jobs at once`;
  const { rows, ...burst } = await betweenBare(bench, name, allAtOnce(count), (load) =>
    withEventLoopDelay(client, () => runLoad(load, job, bench.signal)),
  );
  return {
    ...burst,
    rows: [...rows, { measure: 'scope of these jobs', unit: '', note: [...scopes].join(', ') }],
  };
}

async function sessionBurst(bench: Bench, client: Client): Promise<Burst> {
  const count = bench.sizes.bursts.sessions;
  const created: string[] = [];
  const createAndStep = async (): Promise<void> => {
    const { session_id: id } = await client.createSession();
    created.push(id);
    assertPrinted(await client.step(id, PRINT_CODE), '1\n');
  };
  // Ended only when all have answered, so that all are alive at the same time.
  const remove = async (): Promise<void> => {
    await Promise.all(created.map((id) => client.deleteSession(id)));
  };
  await using undo = new AsyncDisposableStack();
  undo.defer(remove);
  return await betweenBare(
    bench,
    `${count} sessions at once, create → first output`,
    allAtOnce(count),
    (load) => withEventLoopDelay(client, () => runLoad(load, createAndStep, bench.signal)),
  );
}

function allAtOnce(count: number): Load {
  return { count, maxMs: MAX_MS, concurrency: count };
}

/** A burst cannot alternate with its baseline, so it is compared with as many bare starts, half before it and half after. */
async function betweenBare(
  { spawnLoop }: Bench,
  name: string,
  load: Load,
  burst: (load: Load) => Promise<Sample>,
): Promise<Burst> {
  const half = { count: Math.ceil(load.count / 2), maxMs: MAX_MS, concurrency: 2 };
  const before = await spawnLoop.run(bare(PRINT_CODE), half);
  const sample = await burst(load);
  const after = await spawnLoop.run(bare(PRINT_CODE), half);
  const both: Sample = {
    latenciesMs: [...before.latenciesMs, ...after.latenciesMs],
    wallMs: before.wallMs + after.wallMs,
    failures: [...before.failures, ...after.failures],
  };
  const ratio = ratioOfRounds([perSecond(sample)], [perSecond(both)]);
  return {
    rows: [
      rowOfSeries('bare, 2 workers', [both]),
      { ...rowOfSeries(name, [sample]), ratio: ratio && { ...ratio, to: 'bare, per second' } },
    ],
    p99Ms: percentile(sample.latenciesMs, 0.99),
    failures: sample.failures.length,
  };
}
