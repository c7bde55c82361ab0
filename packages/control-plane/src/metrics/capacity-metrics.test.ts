import assert from 'node:assert/strict';
import { test } from 'node:test';
import { CaissonError, healthDetailed } from '@caisson/protocol/api';
import { start } from '../testing/start.ts';

test('the metrics and the detailed status give the capacity of the node', async () => {
  await using server = await start();
  const figures = (total: number, used: number | null) => ({
    total,
    promisable: 2 * total,
    promised: 3,
    used,
  });
  const { maximum } = server.plane.plane;
  server.plane.plane.capacity = {
    memoryBytes: figures(100, 40),
    diskBytes: figures(200, 3),
    cpuMillicores: figures(4000, null),
    pids: figures(300, 7),
    descriptors: figures(400, null),
    maximum,
  };
  const metrics = await (await server.call('GET', '/metrics')).text();
  for (const line of [
    'caisson_node_memory_bytes{state="capacity"} 100',
    'caisson_node_memory_bytes{state="promisable"} 200',
    'caisson_node_memory_bytes{state="promised"} 3',
    'caisson_node_memory_bytes{state="used"} 40',
    'caisson_node_disk_bytes{state="capacity"} 200',
    'caisson_node_cpu_cores{state="capacity"} 4',
    'caisson_node_processes{state="used"} 7',
    'caisson_node_descriptors{state="promised"} 3',
  ]) {
    assert.ok(metrics.split('\n').includes(line), line);
  }
  assert.doesNotMatch(metrics, /caisson_node_cpu_cores\{state="used"\}/);
  const health = healthDetailed.parse(await (await server.call('GET', '/api/v1/health/detailed')).json());
  assert.deepEqual(health.capacity.memory_bytes, figures(100, 40));
  assert.deepEqual(health.capacity.maximum, { cpu: '64', memory: '256Gi', disk: '64Gi', pids: 4096 });
});

test('a session without capacity is refused with Retry-After', async () => {
  await using server = await start();
  server.plane.plane.beforeCreate = async () =>
    Promise.reject(new CaissonError('insufficient_capacity', { resource: 'memory', retryAfterSeconds: 3 }));
  const answer = await server.call('POST', '/api/v1/sessions', { json: {} });
  assert.equal(answer.status, 503);
  assert.equal(answer.headers.get('retry-after'), '3');
  const { code, detail } = (await answer.json()) as { code: string; detail: string };
  assert.equal(code, 'insufficient_capacity');
  assert.match(detail, /not enough memory/);
});

test('a job that gets no capacity in time fails for that reason', async () => {
  await using server = await start();
  server.plane.on('crowded', async () =>
    Promise.reject(new CaissonError('insufficient_capacity', { resource: 'pids', retryAfterSeconds: 3 })),
  );
  const answer = await server.call('POST', '/api/v1/jobs', { json: { code: 'crowded' } });
  const { status, reason, error } = (await answer.json()) as Record<string, unknown>;
  assert.deepEqual([status, reason], ['failed', 'insufficient_capacity']);
  assert.equal((error as { name: string }).name, 'insufficient_capacity');
});
