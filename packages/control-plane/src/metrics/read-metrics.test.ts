import assert from 'node:assert/strict';
import { test } from 'node:test';
import { start } from '../testing/start.ts';

test('the metrics and the detailed status give dropped, delayed and broken reads', async () => {
  await using server = await start();
  server.plane.plane.reads = { droppedBytes: 7, delayedMs: 2500, broken: 3 };
  const metrics = await (await server.call('GET', '/metrics')).text();
  assert.match(metrics, /^caisson_sandbox_dropped_bytes_total 7$/m);
  assert.match(metrics, /^caisson_sandbox_read_delay_seconds_total 2.5$/m);
  assert.match(metrics, /^caisson_sandbox_broken_total 3$/m);
  const { reads } = (await (await server.call('GET', '/api/v1/health/detailed')).json()) as { reads: object };
  assert.deepEqual(reads, { dropped_bytes: 7, delayed_ms: 2500, broken: 3 });
});
