import assert from 'node:assert/strict';
import { mkdtempSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { mountSmallDisk } from '../../packages/control-plane/src/testing/small-disk.ts';
import { Server, until } from '../support/server.ts';

const DISK_MEGABYTES = 12;
const JOBS_AT_ONCE = 8;
const PRINT_MUCH = 'print("x" * 200_000)';

interface Execution {
  execution_id: string;
  status: string;
  stdout: string;
}

test('while the disk is full, no unrecorded job is reported as succeeded, and no session stays', async () => {
  using disk = mountSmallDisk(DISK_MEGABYTES);
  using undo = new DisposableStack();
  const stateDirectory = mkdtempSync(join('/run', 'caisson-test-'));
  undo.defer(() => {
    rmSync(stateDirectory, { recursive: true });
  });
  await using server = await Server.start({ dataDir: disk.path, stateDirectory });
  const session = await server.call<{ session_id: string }>('POST', '/api/v1/sessions', { body: {} });
  assert.equal(session.status, 201);
  const sessionPath = `/api/v1/sessions/${session.body.session_id}`;
  const succeeded: string[] = [];
  const refusals = new Set<unknown>();
  const runJob = async () => {
    const { status, body } = await server.call<Execution & { code?: string }>('POST', '/api/v1/jobs', {
      body: { code: PRINT_MUCH },
    });
    if (status === 200) succeeded.push(body.execution_id);
    else refusals.add(`${status} ${body.code}`);
  };
  await Promise.all(Array.from({ length: JOBS_AT_ONCE }, runJob));
  assert.equal(succeeded.length, JOBS_AT_ONCE);
  disk.fill();
  while (refusals.size === 0) await Promise.all(Array.from({ length: JOBS_AT_ONCE }, runJob));
  assert.deepEqual([...refusals], ['503 storage_unavailable']);
  assert.equal((await server.call('POST', `${sessionPath}/terminate`)).status, 503);
  assert.equal((await server.call('GET', '/readyz')).status, 503);
  disk.empty();
  await until('writes work again', async () => (await server.call('GET', '/readyz')).status === 200);
  assert.equal((await server.call('GET', sessionPath)).body['status'], 'terminated');
  for (const id of succeeded) {
    const { body } = await server.call<Execution>('GET', `/api/v1/executions/${id}`);
    assert.deepEqual([body.status, body.stdout.length], ['succeeded', 200_001], id);
  }
  await runJob();
  assert.equal(succeeded.at(-1) !== undefined && refusals.size, 1);
});
