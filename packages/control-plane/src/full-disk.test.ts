import assert from 'node:assert/strict';
import { test } from 'node:test';
import { auditList, executionResult, problemSchema, session } from '@caisson/protocol/api';
import { jsonTextOf } from '@caisson/protocol/ports';
import type { ExecutionId } from '@caisson/protocol/api';
import { z } from 'zod';
import { start, until } from './testing/start.ts';
import type { Started } from './testing/start.ts';
import { mountSmallDisk } from './testing/small-disk.ts';

const DISK_MEGABYTES = 8;

async function expectUnavailable(answer: Response | Promise<Response>): Promise<void> {
  const { status, headers, code } = await problemOf(await answer);
  assert.equal(code, 'storage_unavailable');
  assert.equal(status, 503);
  assert.match(headers.get('retry-after') ?? '', /^[1-9]\d*$/);
}

async function problemOf(answer: Response) {
  const { code } = problemSchema.parse(await answer.json());
  return { status: answer.status, headers: answer.headers, code };
}

async function statusOf(server: Started, id: string): Promise<unknown> {
  const answer = await server.call('GET', `/api/v1/executions/${id}/status`);
  return z.object({ status: z.string() }).parse(await answer.json()).status;
}

/** Runs jobs until one is refused; returns those that were answered as succeeded. */
async function runUntilRefused(server: Started): Promise<string[]> {
  const succeeded: string[] = [];
  for (;;) {
    const answer = await server.call('POST', '/api/v1/jobs', { json: { code: 'large', language: 'python' } });
    if (answer.status !== 200) {
      await expectUnavailable(answer);
      return succeeded;
    }
    succeeded.push(executionResult.parse(await answer.json()).execution_id);
  }
}

test('with a full disk no unrecorded outcome is returned, and everything works again once there is space', async () => {
  using disk = mountSmallDisk(DISK_MEGABYTES);
  await using server = await start({ dataDir: disk.path, config: { maxConcurrentExecutions: 3 } });
  const { plane } = server;
  const call: Started['call'] = (...request) => server.call(...request);
  const gate = Promise.withResolvers<undefined>();
  plane.on('waits', async (_step, events) => {
    await gate.promise;
    await events({ type: 'stdout', text: 'waited' });
    return { returnValue: jsonTextOf('end') };
  });
  plane.on('large', async (_step, events) => {
    await events({ type: 'stdout', text: 'x'.repeat(100_000) });
    return {};
  });
  const made = session.parse(await (await call('POST', '/api/v1/sessions', { json: {} })).json());
  const sessionPath = `/api/v1/sessions/${made.session_id}`;
  const json = { code: 'waits', language: 'python' };
  const waiting = call('POST', '/api/v1/jobs', { json });
  await until(() => plane.steps.length === 1);
  const [waitingId] = plane.steps.map(({ executionId }) => executionId);
  const events = call('POST', `${sessionPath}/execute`, { json, headers: { accept: 'text/event-stream' } });
  await until(() => plane.steps.length === 2);
  const stepId = plane.steps[1]?.executionId ?? assert.fail();

  disk.fill();
  const succeeded = await runUntilRefused(server);
  await expectUnavailable(call('POST', '/api/v1/jobs', { json }));
  await expectUnavailable(call('POST', `${sessionPath}/execute`, { json }));
  await expectUnavailable(call('POST', '/api/v1/sessions', { json: {} }));
  await expectUnavailable(call('POST', `${sessionPath}/extend`, { json: { timeout: 60 } }));
  await expectUnavailable(call('PUT', `${sessionPath}/files/a.txt`, { body: 'a' }));
  assert.equal((await call('GET', `${sessionPath}/files/a.txt`)).status, 404);
  assert.equal((await call('GET', '/readyz')).status, 503);
  assert.equal((await call('GET', '/healthz')).status, 200);

  gate.resolve(undefined);
  await expectUnavailable(waiting);
  assert.equal(await statusOf(server, waitingId ?? ''), 'running');
  await expectUnavailable(call('GET', `/api/v1/executions/${waitingId}/result`));
  await expectUnavailable(call('POST', `/api/v1/executions/${waitingId}/cancel`));
  await expectUnavailable(call('POST', `${sessionPath}/terminate`));
  assert.equal(session.parse(await (await call('GET', sessionPath)).json()).status, 'running');
  await expectUnavailable(call('POST', `${sessionPath}/execute`, { json }));
  const health = z
    .object({ status: z.string(), database: z.object({ writable: z.boolean(), unwritten: z.int().min(3) }) })
    .parse(await (await call('GET', '/api/v1/health/detailed')).json());
  assert.deepEqual([health.status, health.database.writable], ['unavailable', false]);

  disk.empty();
  await until(async () => (await call('GET', '/readyz')).status === 200);
  const result = executionResult.parse(
    await (await call('GET', `/api/v1/executions/${waitingId}/result`)).json(),
  );
  assert.deepEqual([result.status, result.stdout, result.return_value], ['succeeded', 'waited', 'end']);
  const stream = await (await events).text();
  assert.match(stream, /event: finished\n/);
  assert.match(stream, new RegExp(stepId));
  assert.equal(session.parse(await (await call('GET', sessionPath)).json()).status, 'terminated');
  for (const id of succeeded) assert.equal(await statusOf(server, id), 'succeeded', id);
  const again = await call('POST', '/api/v1/jobs', { json: { code: 'small', language: 'python' } });
  assert.equal(again.status, 200);
});

test('writes that a full disk delayed are recorded once, and the audit chain is intact', async () => {
  using disk = mountSmallDisk(DISK_MEGABYTES);
  await using server = await start({ dataDir: disk.path });
  const gate = Promise.withResolvers<undefined>();
  server.plane.on('waits', async () => {
    await gate.promise;
    return {};
  });
  const json = { code: 'waits', language: 'python' };
  const headers = { 'idempotency-key': 'once' };
  const jobs = Array.from({ length: 5 }, () => server.call('POST', '/api/v1/jobs', { json }));
  await until(() => server.plane.steps.length === 5);
  const ids = server.plane.steps.map(({ executionId }): ExecutionId => executionId);
  disk.fill();
  await runUntilRefused(server);
  gate.resolve(undefined);
  for (const job of jobs) await expectUnavailable(job);
  await expectUnavailable(server.call('POST', '/api/v1/jobs', { json, headers }));
  disk.empty();
  await until(async () => (await server.call('GET', '/readyz')).status === 200);
  const first = await server.call('POST', '/api/v1/jobs', { json, headers });
  assert.equal(first.status, 200);
  const trail = auditList.parse(await (await server.call('GET', '/api/v1/audit?limit=1000')).json()).items;
  for (const id of ids) {
    assert.equal(
      trail.filter(({ subject, action }) => subject === id && action === 'execution.finished').length,
      1,
    );
  }
  trail.reverse().forEach(({ previous_hash }, index) => {
    if (index > 0) assert.equal(previous_hash, trail[index - 1]?.hash);
  });
});

test('a server starts on a full disk, and ends earlier executions once there is space', async () => {
  using disk = mountSmallDisk(DISK_MEGABYTES);
  let key = '';
  const ids: string[] = [];
  {
    await using server = await start({ dataDir: disk.path, config: { shutdownGraceMs: 0 } });
    key = server.key;
    const gate = Promise.withResolvers<undefined>();
    server.plane.on('waits', async () => {
      await gate.promise;
      return {};
    });
    const job = server.call('POST', '/api/v1/jobs', { json: { code: 'waits', language: 'python' } });
    await until(() => server.plane.steps.length === 1);
    ids.push(...server.plane.steps.map(({ executionId }) => executionId));
    disk.fill();
    await runUntilRefused(server);
    gate.resolve(undefined);
    await expectUnavailable(job);
  }
  await using second = await start({ dataDir: disk.path, keyFallback: key });
  const [id = ''] = ids;
  assert.ok(['running', 'failed'].includes(String(await statusOf(second, id))));
  disk.empty();
  await until(async () => (await statusOf(second, id)) === 'failed');
});
