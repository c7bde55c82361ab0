import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { Worker } from 'node:worker_threads';
import { percentile } from '../bench/statistics.ts';
import type { Server } from '../support/server.ts';
import type { BystanderData, Seen } from './bystander.ts';
import { FLOODS } from './floods.ts';

const MIB = 2 ** 20;
/** Time for the floods' runners to start and for the heap to reach its size under load. */
const WARMING_MS = 4_000;
const FLOODS_AT_ONCE = 8;
const TIMEOUT_SECONDS = 2;
/** Time from the interrupt at a deadline to the kill. */
const GRACE_MS = 1000;

/** What another tenant experienced during a flood. Times in milliseconds. */
export interface FloodFigures {
  readonly jobs: number;
  readonly quietJobP99Ms: number;
  readonly jobP50Ms: number;
  readonly jobP99Ms: number;
  readonly healthP99Ms: number;
  /** Longest time by which an execution overran its deadline, without its grace period. */
  readonly latenessMs: number;
  /** Of the server's memory. */
  readonly growthMib: number;
  /** Errors that this tenant got. */
  readonly failures: readonly string[];
}

/** Measures what the tenant of `key` experiences, first on a quiet server, then while eight jobs flood it in every way. */
export async function measureFlood(
  server: Server,
  key: string,
  { quietMs, floodingMs }: { readonly quietMs: number; readonly floodingMs: number },
): Promise<FloodFigures> {
  const { url, pid } = server;
  const quiet = await watch({ url, key }, quietMs);
  const flooded = flood(server, performance.now() + WARMING_MS + floodingMs);
  const memoryBefore = await mostResidentBytes(pid, WARMING_MS);
  const seen = watch({ url, key }, floodingMs);
  const mostMemory = await mostResidentBytes(pid, floodingMs);
  const busy = await seen;
  const lateness = await flooded;
  return {
    jobs: busy.jobs.length,
    quietJobP99Ms: percentile(quiet.jobs, 0.99),
    jobP50Ms: percentile(busy.jobs, 0.5),
    jobP99Ms: percentile(busy.jobs, 0.99),
    healthP99Ms: percentile(busy.health, 0.99),
    latenessMs: Math.max(...lateness),
    growthMib: (mostMemory - memoryBefore) / MIB,
    failures: [...quiet.failures, ...busy.failures],
  };
}

/** What a bystander experiences during that time. */
async function watch(data: BystanderData, lengthMs: number): Promise<Seen> {
  const worker = new Worker(new URL('bystander.ts', import.meta.url), { workerData: data });
  await new Promise((resolve) => setTimeout(resolve, lengthMs));
  worker.postMessage('stop');
  const [seen] = (await once(worker, 'message')) as [Seen];
  return seen;
}

/** Floods the server until `untilMs`; returns how long after its deadline each flood ended. */
async function flood(server: Server, untilMs: number): Promise<number[]> {
  const codes = Object.values(FLOODS);
  const lateness: number[] = [];
  const again = async (work: (round: number) => Promise<void>): Promise<void> => {
    for (let round = 0; performance.now() < untilMs; round += 1) await work(round);
  };
  const run = async (code: string, graceMs = GRACE_MS): Promise<void> => {
    const { status, body } = await server.call<{ metrics: { duration_ms: number } }>('POST', '/api/v1/jobs', {
      body: { language: 'python', code, timeout: TIMEOUT_SECONDS },
    });
    if (status !== 200) throw new Error(`a flood was refused: ${JSON.stringify(body)}`);
    lateness.push(body.metrics.duration_ms - TIMEOUT_SECONDS * 1000 - graceMs);
  };
  // A session whose kernel writes to its control channel while no step runs.
  const session = await server.call<{ session_id: string }>('POST', '/api/v1/sessions', { body: {} });
  await server.call('POST', `/api/v1/sessions/${session.body.session_id}/execute`, {
    body: { code: FLOODS['a speaking thread behind a step that has ended'] },
  });
  // And a caller whose requests take long to parse.
  const event = Array.from({ length: 45_000 }, () => ({}));
  await Promise.all([
    ...Array.from({ length: FLOODS_AT_ONCE }, (_, lane) =>
      again((round) => run(codes[(lane + FLOODS_AT_ONCE * round) % codes.length] ?? '')),
    ),
    again(() => run('while True: pass', 0)),
    again(async () => {
      await server.call('POST', '/api/v1/jobs', { body: { language: 'python', code: '1', event } });
    }),
  ]);
  return lateness;
}

/** Peak memory of the process during that time. */
async function mostResidentBytes(pid: number, lengthMs: number): Promise<number> {
  let most = 0;
  for (const endMs = performance.now() + lengthMs; performance.now() < endMs;) {
    most = Math.max(most, residentBytes(pid));
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
  return most;
}

function residentBytes(pid: number): number {
  return Number(/^VmRSS:\s+(\d+)/m.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1]) * 1024;
}
