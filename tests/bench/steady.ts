import { bare, PRINT_CODE } from './baselines/commands.ts';
import type { SpawnLoop } from './baselines/spawn-loop.ts';
import { assertPrinted } from './client.ts';
import type { Client } from './client.ts';
import type { Figures } from './figures.ts';
import { growthOf } from './growth.ts';
import type { Growth } from './growth.ts';
import { readFootprint } from './host/footprint.ts';
import type { Footprint } from './host/footprint.ts';
import { listProcesses, serverCgroup } from './host/processes.ts';
import { runLoad } from './load.ts';
import { rowOfSeries } from './row.ts';
import type { Row } from './row.ts';
import type { Sample } from './sample.ts';
import { percentile } from './statistics.ts';

const LOOKS = 40;
const BARE = { count: 25, maxMs: 2000, concurrency: 1 };

export interface SteadyOptions {
  readonly jobs: number;
  readonly concurrency: number;
  /** Ends early after this time, with the samples so far. */
  readonly maxMs: number;
}

export interface SteadyResult {
  readonly jobs: number;
  readonly rows: readonly Row[];
  readonly footprints: readonly Footprint[];
  readonly growth: readonly Growth[];
  readonly figures: Figures;
}

/** Runs jobs one after the other, and samples the server's use of the host in between. */
export async function runSteady(
  options: SteadyOptions,
  bench: { client: Client; serverPid: number; spawnLoop: SpawnLoop; signal: AbortSignal },
  onLook: (jobs: number, footprint: Footprint) => void,
): Promise<SteadyResult> {
  const { client, serverPid, spawnLoop, signal } = bench;
  const cgroup = await cgroupOfServer(client);
  const chunk = Math.max(1, Math.ceil(options.jobs / LOOKS));
  const [jobs, bares, footprints]: [Sample[], Sample[], Footprint[]] = [[], [], []];
  const job = async (): Promise<void> => {
    assertPrinted(await client.job(PRINT_CODE), '1\n');
  };
  const begin = performance.now();
  let done = 0;
  while (done < options.jobs) {
    const maxMs = options.maxMs - (performance.now() - begin);
    if (maxMs <= 0) break;
    const count = Math.min(chunk, options.jobs - done);
    bares.push(await spawnLoop.run(bare(PRINT_CODE), BARE));
    const sample = await runLoad({ count, maxMs, concurrency: options.concurrency }, job, signal);
    jobs.push(sample);
    done += sample.latenciesMs.length + sample.failures.length;
    const footprint = readFootprint(serverPid, cgroup);
    footprints.push(footprint);
    onLook(done, footprint);
  }
  return resultOf(options, done, { jobs, bares, footprints });
}

function resultOf(
  options: SteadyOptions,
  done: number,
  { jobs, bares, footprints }: { jobs: Sample[]; bares: Sample[]; footprints: Footprint[] },
): SteadyResult {
  const latencies = jobs.flatMap((sample) => sample.latenciesMs);
  // A short trial run uses the first and the last quarter.
  const edge = Math.min(1000, Math.floor(latencies.length / 4));
  const [first, last] = [latencies.slice(0, edge), latencies.slice(-edge)];
  const baseline = { name: 'bare', series: bares };
  const growth = growthOf(footprints);
  const asSample = (latenciesMs: number[]): Sample => ({
    latenciesMs,
    failures: [],
    wallMs: latenciesMs.reduce((sum, latency) => sum + latency, 0) / options.concurrency,
  });
  return {
    jobs: done,
    footprints,
    growth,
    rows: [
      rowOfSeries('bare, in between', bares),
      rowOfSeries(`bare, first ${bares.length >> 2} looks`, bares.slice(0, bares.length >> 2)),
      rowOfSeries(`bare, last ${bares.length >> 2} looks`, bares.slice(-(bares.length >> 2))),
      rowOfSeries(`jobs, ${options.concurrency} at once`, jobs, { baseline }),
      rowOfSeries(`first ${edge} jobs`, [asSample(first)]),
      rowOfSeries(`last ${edge} jobs`, [asSample(last)]),
    ],
    figures:
      // A run that was cut short is not representative.
      done < options.jobs
        ? {}
        : {
            steady_p99_last_over_first: percentile(last, 0.99) / percentile(first, 0.99),
            steady_leaks: growth.filter(({ grew }) => grew).length,
            steady_failures: jobs.reduce((sum, sample) => sum + sample.failures.length, 0),
          },
  };
}

/** Parent cgroup of all sandboxes of the server, found through one of them. */
async function cgroupOfServer(client: Client): Promise<string> {
  const { session_id: id } = await client.createSession();
  await using undo = new AsyncDisposableStack();
  undo.defer(() => client.deleteSession(id));
  const code = "import os; print(os.readlink('/proc/self/ns/pid'))";
  const namespace = (await client.step(id, code)).stdout.trim();
  const inside = listProcesses().find(({ pidNamespace }) => pidNamespace === namespace);
  const cgroup = serverCgroup(inside?.cgroup ?? '');
  if (cgroup === undefined) throw new Error('the cgroup of the server was not found');
  return cgroup;
}
