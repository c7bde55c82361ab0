import assert from 'node:assert/strict';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { test } from 'node:test';
import { Worker } from 'node:worker_threads';
import { percentile } from '../bench/statistics.ts';
import { makeServerHome, Server } from '../support/server.ts';
import { addTenant } from '../support/tenant.ts';
import type { BystanderData, Seen } from './bystander.ts';
import { FLOODS } from './floods.ts';

const MIB = 2 ** 20;
const QUIET_MS = 3_000;
/** Until the runners of the floods have started, and the heap has the size that it has under load. */
const WARMING_MS = 4_000;
const FLOODING_MS = 12_000;
const FLOODS_AT_ONCE = 8;
const TIMEOUT_SECONDS = 2;
/**
 * Far above what is seen on two free cores, for other tests run beside this one, and far below what a flood did that is read
 * without a share: there it took many seconds, or the server with it.
 */
const BOUNDS = {
  'job p99, ms': 5_000,
  'health p99, ms': 1_000,
  'latest end after a deadline, ms': 3_000,
  'growth of the server, MiB': 100,
};
/** From the interrupt at a deadline to the kill. */
const GRACE_MS = 1000;

test('while eight jobs flood the server in every way, others hardly notice', async (context) => {
  using home = makeServerHome();
  // The first start makes the operator's key.
  await (await Server.start(home)).stop();
  const key = await addTenant(home.dataDir, 'bystander');
  await using server = await Server.start(home);
  const { url, pid } = server;

  const quiet = await watch({ url, key }, QUIET_MS);
  const flooded = flood(server, performance.now() + WARMING_MS + FLOODING_MS);
  const memoryBefore = await mostResidentBytes(pid, WARMING_MS);
  const seen = watch({ url, key }, FLOODING_MS);
  const mostMemory = await mostResidentBytes(pid, FLOODING_MS);
  const busy = await seen;
  const lateness = await flooded;

  const figures = {
    'jobs of the bystander': busy.jobs.length,
    'quiet job p99, ms': percentile(quiet.jobs, 0.99),
    'job p50, ms': percentile(busy.jobs, 0.5),
    'job p99, ms': percentile(busy.jobs, 0.99),
    'health p99, ms': percentile(busy.health, 0.99),
    'latest end after a deadline, ms': Math.max(...lateness),
    'growth of the server, MiB': (mostMemory - memoryBefore) / MIB,
  };
  for (const [name, figure] of Object.entries(figures)) context.diagnostic(`${name}: ${figure.toFixed(1)}`);
  assert.deepEqual([...quiet.failures, ...busy.failures], []);
  for (const [name, bound] of Object.entries(BOUNDS)) {
    assert.ok(figures[name as keyof typeof BOUNDS] <= bound, `${name}: more than ${bound}`);
  }
});

/** What a bystander sees in that time. */
async function watch(data: BystanderData, lengthMs: number): Promise<Seen> {
  const worker = new Worker(new URL('bystander.ts', import.meta.url), { workerData: data });
  await new Promise((resolve) => setTimeout(resolve, lengthMs));
  worker.postMessage('stop');
  const [seen] = (await once(worker, 'message')) as [Seen];
  return seen;
}

/** Floods the server until `untilMs`; tells how long after its deadline each flood ended. */
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
    assert.equal(status, 200, JSON.stringify(body));
    lateness.push(body.metrics.duration_ms - TIMEOUT_SECONDS * 1000 - graceMs);
  };
  // A session whose kernel speaks although no step runs.
  const session = await server.call<{ session_id: string }>('POST', '/api/v1/sessions', { body: {} });
  await server.call('POST', `/api/v1/sessions/${session.body.session_id}/execute`, {
    body: { code: FLOODS['a speaking thread behind a step that has ended'] },
  });
  // And a caller who sends what takes long to parse.
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

/** The most memory that the process has held in that time. */
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
