import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { test } from 'node:test';
import { percentile } from '../bench/statistics.ts';
import { makeServerHome, Server } from '../support/server.ts';
import { addTenant } from '../support/tenant.ts';
import { FLOODS } from './floods.ts';

const MIB = 2 ** 20;
const FLOODING_MS = 12_000;
const TIMEOUT_SECONDS = 2;
/** From the interrupt at a deadline to the kill. */
const GRACE_MS = 1000;

interface Ended {
  readonly status: string;
  readonly metrics: { readonly duration_ms: number | null };
}

test('while eight jobs flood the server in every way, others hardly notice', async (context) => {
  using home = makeServerHome();
  // The first start makes the operator's key.
  await (await Server.start(home)).stop();
  const bystander = { authorization: `Bearer ${await addTenant(home.dataDir, 'bystander')}` };
  await using server = await Server.start(home);
  const job = (code: string, timeout: number, headers = {}) =>
    server.call<Ended>('POST', '/api/v1/jobs', { body: { language: 'python', code, timeout }, headers });

  const quiet = await timeWhile(100, () => job('print(1)', 10, bystander));
  const memoryBefore = residentBytes(server.pid);

  const flood = new Flood(FLOODING_MS);
  const codes = Object.values(FLOODS);
  for (let lane = 0; lane < 8; lane += 1) {
    flood.run(async (round) => {
      const { status, body } = await job(codes[(lane + 8 * round) % codes.length] ?? '', TIMEOUT_SECONDS);
      assert.equal(status, 200, JSON.stringify(body));
      return body;
    });
  }
  // A session whose kernel speaks although no step runs, and a caller who sends what takes long to parse.
  const session = await server.call<{ session_id: string }>('POST', '/api/v1/sessions', { body: {} });
  await server.call('POST', `/api/v1/sessions/${session.body.session_id}/execute`, {
    body: { code: FLOODS['a speaking thread behind a step that has ended'] },
  });
  const event = Array.from({ length: 45_000 }, () => ({}));
  flood.run(async () => {
    await server.call('POST', '/api/v1/jobs', { body: { language: 'python', code: '1', event } });
    return undefined;
  });

  let mostMemory = memoryBefore;
  const health: number[] = [];
  flood.run(async () => {
    health.push(await timed(async () => server.call('GET', '/healthz')));
    mostMemory = Math.max(mostMemory, residentBytes(server.pid));
    await new Promise((resolve) => setTimeout(resolve, 10));
    return undefined;
  });
  const busy: number[] = [];
  const lateness: number[] = [];
  flood.run(async () => {
    busy.push(await timed(() => succeeded(job('print(1)', 10, bystander))));
    return undefined;
  });
  flood.run(async () => {
    const { body } = await job('while True: pass', 1, bystander);
    assert.equal(body.status, 'timed_out');
    lateness.push((body.metrics.duration_ms ?? 0) - 1000);
    return undefined;
  });
  const ended = await flood.end();
  for (const { metrics } of ended) {
    lateness.push((metrics.duration_ms ?? 0) - TIMEOUT_SECONDS * 1000 - GRACE_MS);
  }

  const figures = {
    'quiet p99': percentile(quiet, 0.99),
    'busy p50': percentile(busy, 0.5),
    'busy p99': percentile(busy, 0.99),
    'health p99': percentile(health, 0.99),
    'floods ended': ended.length,
    'latest end': Math.max(...lateness),
    'memory, MiB': (mostMemory - memoryBefore) / MIB,
  };
  for (const [name, figure] of Object.entries(figures)) context.diagnostic(`${name}: ${figure.toFixed(1)}`);
  assert.ok(
    figures['latest end'] <= 500,
    `an execution ended ${figures['latest end']} ms after its deadline`,
  );
  assert.ok(figures['health p99'] <= 50, `/healthz took ${figures['health p99']} ms`);
  assert.ok(figures['busy p99'] <= 10 * figures['quiet p99'], `${figures['busy p99']} ms`);
  assert.ok(figures['memory, MiB'] <= 100, `the server grew by ${figures['memory, MiB']} MiB`);
});

/** Work that is begun again and again until a time is over. */
class Flood {
  readonly #untilMs: number;
  readonly #lanes: Promise<Ended[]>[] = [];

  constructor(lengthMs: number) {
    this.#untilMs = performance.now() + lengthMs;
  }

  run(work: (round: number) => Promise<Ended | undefined>): void {
    this.#lanes.push(this.#lane(work));
  }

  async end(): Promise<Ended[]> {
    return (await Promise.all(this.#lanes)).flat();
  }

  async #lane(work: (round: number) => Promise<Ended | undefined>): Promise<Ended[]> {
    const ended: Ended[] = [];
    for (let round = 0; performance.now() < this.#untilMs; round += 1) {
      const one = await work(round);
      if (one !== undefined) ended.push(one);
    }
    return ended;
  }
}

async function succeeded(call: Promise<{ body: Ended }>): Promise<void> {
  assert.equal((await call).body.status, 'succeeded');
}

async function timeWhile(count: number, work: () => Promise<{ body: Ended }>): Promise<number[]> {
  const times: number[] = [];
  for (let index = 0; index < count; index += 1) times.push(await timed(() => succeeded(work())));
  return times;
}

async function timed(work: () => Promise<unknown>): Promise<number> {
  const startedMs = performance.now();
  await work();
  return performance.now() - startedMs;
}

function residentBytes(pid: number): number {
  return Number(/^VmRSS:\s+(\d+)/m.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1]) * 1024;
}
