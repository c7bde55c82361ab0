import assert from 'node:assert/strict';
import { setTimeout as delay } from 'node:timers/promises';
import { test } from 'node:test';
import { healthDetailed } from '@caisson/protocol/api';
import { start } from '../testing/start.ts';
import { RecentLoopDelay } from './recent-loop-delay.ts';

/** Blocks the event loop for 150 ms, after some ticks: the first tick of a recorder measures no delay. */
async function blockLoop(): Promise<void> {
  await delay(60);
  Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 150);
  await delay(60);
}

test('the recent delay is reset by time, not by readers', async () => {
  let nowMs = 1000;
  using recent = new RecentLoopDelay({ nowMs: () => nowMs });
  assert.deepEqual(recent.read(), { p50: 0, p99: 0, max: 0, overMs: 0 });
  await blockLoop();
  const seen = recent.read().max;
  assert.ok(seen > 0.1 && seen < 5, `${seen} seconds`);
  assert.equal(recent.read().max, seen);
  nowMs += 30_000;
  recent.turn();
  assert.equal(recent.read().overMs, 30_000);
  assert.ok(recent.read().max > 0.1, 'the other recorder has measured it too');
  nowMs += 30_000;
  recent.turn();
  assert.ok(recent.read().max < seen);
  assert.equal(recent.read().overMs, 30_000);
});

test('the detailed status gives the delay, however often it and the metrics are read', async () => {
  await using server = await start();
  const health = async () => {
    const answer = await server.call('GET', '/api/v1/health/detailed');
    return healthDetailed.parse(await answer.json()).event_loop_delay;
  };
  const metrics = async () => {
    const text = await (await server.call('GET', '/metrics')).text();
    return Number(/^caisson_event_loop_delay_max_seconds (\S+)$/m.exec(text)?.[1]);
  };
  await metrics();
  await blockLoop();
  const first = await health();
  assert.ok(first.max_ms > 100 && first.max_ms >= first.p99_ms && first.p99_ms >= first.p50_ms);
  assert.ok(first.over_ms > 0);
  assert.ok((await health()).max_ms >= first.max_ms, 'for another reader too');
  assert.ok((await metrics()) > 0.1, 'in the metrics too');
  assert.ok((await health()).max_ms >= first.max_ms, 'also after the metrics were read');
});
