import assert from 'node:assert/strict';
import { test } from 'node:test';
import { healthDetailed } from '@caisson/protocol/api';
import { startPlanes } from '../support/planes.ts';
import type { Answer } from '../support/planes.ts';
import { until } from '../support/server.ts';

const MIB = 2 ** 20;
const HUGE = { memory: '256Gi', disk: '64Gi', cpu: '64', pids: 4096 };
/** Including /tmp and /dev/shm, such a session is promised 320 MiB. */
const LARGE = { memory: '176Mi', disk: '16Mi', cpu: '1', pids: 16 };
const NODE = {
  capacityMemoryBytes: 512 * MIB,
  capacityPids: 2000,
  memoryOvercommit: 1,
  sessionRoomWaitMs: 500,
};

type Planes = Awaited<ReturnType<typeof startPlanes>>;

async function promisedMemory({ call }: Planes): Promise<number> {
  const { body } = await call('GET', '/api/v1/health/detailed');
  return healthDetailed.parse(body).capacity.memory_bytes.promised;
}

function checkInsufficient({ status, headers, body }: Answer): void {
  assert.deepEqual([status, body['code']], [503, 'insufficient_capacity']);
  assert.match(String(body['detail']), /not enough memory/);
  assert.equal(headers.get('retry-after'), '1');
}

test('a request larger than the machine is refused before anything is queued, with the field and the maximum', async () => {
  await using planes = await startPlanes();
  const { call, dataPlane } = planes;
  const asked = [
    await call('POST', '/api/v1/sessions', { resources: HUGE }),
    await call('POST', '/api/v1/jobs', { code: '1', resources: HUGE }),
  ];
  for (const { status, body } of asked) {
    assert.deepEqual([status, body['code']], [422, 'validation_failed']);
    const { cpuMillicores, memoryBytes } = dataPlane.maximum;
    const detail = String(body['detail']);
    assert.match(detail, new RegExp(`resources.cpu: must be at most ${cpuMillicores / 1000} on this server`));
    assert.match(
      detail,
      new RegExp(`resources.memory: must be at most ${memoryBytes / MIB}Mi on this server`),
    );
  }
  const { items } = (await call('GET', '/api/v1/executions')).body as { items?: unknown[] };
  assert.deepEqual(items ?? [], []);
  const largest = await call('POST', '/api/v1/sessions', {
    resources: { memory: `${dataPlane.maximum.memoryBytes / MIB}Mi` },
  });
  assert.equal(largest.status, 201);
});

test('a configured maximum applies to every field', async () => {
  await using planes = await startPlanes({
    maxCpuMillicores: 500,
    maxMemoryBytes: 64 * MIB,
    maxDiskBytes: 8 * MIB,
    maxPids: 32,
  });
  const { call } = planes;
  const { status, body } = await call('POST', '/api/v1/sessions', {
    resources: { cpu: '501m', memory: '65Mi', disk: '9Mi', pids: 33 },
  });
  assert.equal(status, 422);
  assert.equal(
    body['detail'],
    'resources.cpu: must be at most 0.5 on this server; resources.memory: must be at most 64Mi on this server; ' +
      'resources.disk: must be at most 8Mi on this server; resources.pids: must be at most 32 on this server',
  );
  const made = await call('POST', '/api/v1/sessions', {});
  assert.deepEqual(made.body['resources'], { cpu: '0.5', memory: '64Mi', disk: '8Mi', pids: 32 });
});

test('sessions beyond the capacity are refused, and there is room again when one has ended', async () => {
  await using planes = await startPlanes(NODE);
  const { call } = planes;
  const first = await call('POST', '/api/v1/sessions', { resources: LARGE });
  assert.equal(first.status, 201);
  assert.equal(await promisedMemory(planes), 320 * MIB);
  const refused = await Promise.all(
    Array.from({ length: 12 }, async () => call('POST', '/api/v1/sessions', { resources: LARGE })),
  );
  for (const answer of refused) checkInsufficient(answer);
  await call('POST', `/api/v1/sessions/${String(first.body['session_id'])}/terminate`, {});
  assert.equal(await promisedMemory(planes), 0);
  const again = await call('POST', '/api/v1/sessions', { resources: LARGE });
  assert.equal(again.status, 201);
});

test('a session waits for room that another is about to free', async () => {
  await using planes = await startPlanes({ ...NODE, sessionRoomWaitMs: 30_000 });
  const { call } = planes;
  const first = await call('POST', '/api/v1/sessions', { resources: LARGE });
  const second = call('POST', '/api/v1/sessions', { resources: LARGE });
  await call('POST', `/api/v1/sessions/${String(first.body['session_id'])}/terminate`, {});
  assert.equal((await second).status, 201);
});

test('a job waits for room, and fails with that reason if there is none in time', async () => {
  await using planes = await startPlanes({ ...NODE, jobRoomWaitMs: 500 });
  const { call } = planes;
  const session = await call('POST', '/api/v1/sessions', { resources: LARGE });
  const job = async (code: string) => call('POST', '/api/v1/jobs', { code, resources: LARGE });
  const { status, body } = await job('print(1)');
  assert.equal(status, 200);
  assert.deepEqual([body['status'], body['reason']], ['failed', 'insufficient_capacity']);
  await call('POST', `/api/v1/sessions/${String(session.body['session_id'])}/terminate`, {});
  assert.equal((await job('print(2)')).body['stdout'], '2\n');
  await until('its room is free again', async () => (await promisedMemory(planes)) === 0);
});

test('jobs that do not fit at once run one after the other', async () => {
  await using planes = await startPlanes(NODE);
  const { call } = planes;
  const answers = await Promise.all(
    Array.from({ length: 6 }, async (_, index) =>
      call('POST', '/api/v1/jobs', { code: `print(${index})`, resources: LARGE }),
    ),
  );
  assert.deepEqual(
    answers.map(({ body }) => body['stdout']),
    ['0\n', '1\n', '2\n', '3\n', '4\n', '5\n'],
  );
});

test('the metrics include the capacity of the machine', async () => {
  await using planes = await startPlanes(NODE);
  const { call } = planes;
  await call('POST', '/api/v1/sessions', { resources: LARGE });
  const { body } = await call('GET', '/metrics');
  const lines = String(body['text']).split('\n');
  for (const line of [
    `caisson_node_memory_bytes{state="capacity"} ${512 * MIB}`,
    `caisson_node_memory_bytes{state="promised"} ${320 * MIB}`,
    'caisson_node_cpu_cores{state="promised"} 1',
    'caisson_node_processes{state="capacity"} 2000',
    'caisson_node_processes{state="promised"} 17',
  ]) {
    assert.ok(lines.includes(line), line);
  }
});
