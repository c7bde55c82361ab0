import assert from 'node:assert/strict';
import { test } from 'node:test';
import { healthDetailed } from '@caisson/protocol/api';
import { start } from '../testing/start.ts';

const RESOURCES = { cpuMillicores: 500, memoryBytes: 2 ** 29, diskBytes: 2 ** 28, pids: 128 };

test('the metrics and the detailed status give the warm pools', async () => {
  await using server = await start();
  const pool = { templateId: 'python', isolation: 'container', resources: RESOURCES } as const;
  server.plane.plane.pools.push({ ...pool, ready: 2, target: 3, claimed: 40, missed: 5 });
  const labels = 'template="python",isolation="container",size="0.5 cpu, 512Mi memory, 256Mi disk, 128 pids"';
  for (const scrape of ['first', 'second']) {
    const metrics = await (await server.call('GET', '/metrics')).text();
    for (const line of [
      `caisson_pool_ready{${labels}} 2`,
      `caisson_pool_target{${labels}} 3`,
      `caisson_pool_requests_total{${labels},result="claimed"} 40`,
      `caisson_pool_requests_total{${labels},result="missed"} 5`,
    ]) {
      assert.ok(metrics.split('\n').includes(line), `${scrape}: ${line}`);
    }
  }
  const health = healthDetailed.parse(await (await server.call('GET', '/api/v1/health/detailed')).json());
  assert.deepEqual(health.pools, [
    {
      template_id: 'python',
      isolation: 'container',
      ready: 2,
      target: 3,
      claimed: 40,
      missed: 5,
      resources: { cpu: '0.5', memory: '512Mi', disk: '256Mi', pids: 128 },
    },
  ]);
});
