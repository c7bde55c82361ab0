import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { auditList, executionResult, newApiKeyId, newTenantId, session, SYSTEM } from '@caisson/protocol/api';
import { NOT_RUN, stoppedOutcome } from '@caisson/protocol/ports';
import type { AuditEvent } from '@caisson/protocol/api';
import type { z } from 'zod';
import { hashApiKey, newApiKey } from '../../auth/api-key.ts';
import { openStore } from '../../store/sqlite/database.ts';
import { tenantRepository } from '../../store/tenants.ts';
import { untilAborted } from '../../testing/fake-data-plane.ts';
import { start, until } from '../../testing/start.ts';
import type { Started } from '../../testing/start.ts';

const EXAMPLE = join(import.meta.dirname, '../../../../../examples/verify_audit.py');

async function trail(server: Started, query = '', key = server.key) {
  const answer = await server.call('GET', `/api/v1/audit${query}`, { key });
  assert.equal(answer.status, 200);
  return auditList.parse(await answer.json());
}

function verify(items: readonly AuditEvent[], checkpoint: z.output<typeof auditList>['checkpoint'] = null) {
  const { status, stdout, stderr } = spawnSync('/usr/bin/python3', [EXAMPLE], {
    input: JSON.stringify({ items, checkpoint }),
    encoding: 'utf8',
    timeout: 30_000,
  });
  return { status, output: (stdout + stderr).trim() };
}

async function createSession(server: Started): Promise<string> {
  const made = await server.call('POST', '/api/v1/sessions', { json: { env_vars: { TOKEN: 'secret' } } });
  return session.parse(await made.json()).session_id;
}

async function run(server: Started, path: string, code: string) {
  const answer = await server.call('POST', path, { json: { code } });
  return executionResult.parse(await answer.json());
}

test('the trail records who did what, and an outsider can recompute every hash', async () => {
  await using server = await start();
  server.plane.on('secret code', async (_step, events) => {
    await events({ type: 'stdout', text: 'secret output' });
    return {};
  });
  const job = await run(server, '/api/v1/jobs', 'secret code');
  const id = await createSession(server);
  const at = `/api/v1/sessions/${id}`;
  const step = await run(server, `${at}/execute`, 'secret code');
  await server.call('PUT', `${at}/files/data/naïve.txt`, { body: 'secret content' });
  const form = new FormData();
  form.append('path', 'in');
  form.append('file', new Blob(['secret content']), 'form.txt');
  assert.equal((await server.call('POST', `${at}/files/upload`, { body: form })).status, 201);
  assert.equal((await server.call('DELETE', `${at}/files/data/naïve.txt`)).status, 204);
  for (const action of ['pause', 'resume', 'terminate']) {
    assert.equal((await server.call('POST', `${at}/${action}`)).status, 200);
    if (action === 'resume') await server.call('POST', `${at}/extend`, { json: {} });
  }

  const { items, next_cursor } = await trail(server);
  assert.equal(next_cursor, null);
  const [{ tenant_id: tenant, subject: key } = assert.fail('it is empty')] = items.filter(
    ({ action }) => action === 'api_key.created',
  );
  assert.deepEqual(
    items
      .toReversed()
      .map(({ sequence, principal, action, subject }) => [sequence, principal, action, subject]),
    [
      [1, SYSTEM, 'tenant.created', tenant],
      [2, SYSTEM, 'api_key.created', key],
      [3, key, 'execution.finished', job.execution_id],
      [4, key, 'session.created', id],
      [5, key, 'execution.finished', step.execution_id],
      [6, key, 'file.written', id],
      [7, key, 'file.written', id],
      [8, key, 'file.deleted', id],
      [9, key, 'session.paused', id],
      [10, key, 'session.resumed', id],
      [11, key, 'session.extended', id],
      [12, key, 'session.terminated', id],
    ],
  );
  const detailsOf = (sequence: number) => items.find((one) => one.sequence === sequence)?.details;
  assert.deepEqual(detailsOf(6), { path: 'data/naïve.txt', size_bytes: 14 });
  assert.deepEqual(detailsOf(7), { path: 'in/form.txt', size_bytes: 14 });
  assert.deepEqual([detailsOf(5)?.['session_id'], detailsOf(5)?.['status']], [id, 'succeeded']);
  assert.equal(detailsOf(12)?.['reason'], 'requested');
  assert.doesNotMatch(JSON.stringify(items), /secret/);

  assert.deepEqual(verify(items), { status: 0, output: `whole up to 12: ${items[0]?.hash}` });
  const changed = items.map((item) =>
    item.sequence === 5 ? ({ ...item, principal: SYSTEM } as const) : item,
  );
  assert.deepEqual(verify(changed), { status: 1, output: '5: it was changed' });
});

test('the trail names the server for its own actions, and the caller for a cancel', async () => {
  await using server = await start();
  server.plane.on('forever', untilAborted);
  server.plane.on('late', () => Promise.resolve(stoppedOutcome('timeout', NOT_RUN)));
  await run(server, '/api/v1/jobs', 'late');
  const headers = { prefer: 'respond-async' };
  const submitted = await server.call('POST', '/api/v1/jobs', { json: { code: 'forever' }, headers });
  const { execution_id } = (await submitted.json()) as { execution_id: string };
  await server.call('POST', `/api/v1/executions/${execution_id}/cancel`);
  const id = await createSession(server);
  const [sandbox] = server.plane.plane.sandboxes.keys();
  server.plane.plane.lose(sandbox ?? assert.fail('there is no sandbox'));
  const rows = async () =>
    (await trail(server)).items.map(({ principal, subject, details }) => [
      principal,
      subject,
      details['reason'],
    ]);
  await until(async () => (await rows())[0]?.[1] === id && (await rows())[0]?.[2] === 'sandbox_lost');
  const [lost, created, cancelled, late, key] = await rows();
  assert.deepEqual(lost, [SYSTEM, id, 'sandbox_lost']);
  assert.deepEqual(created, [key?.[1], id, null]);
  assert.deepEqual(cancelled, [key?.[1], execution_id, 'cancelled']);
  assert.deepEqual([late?.[0], late?.[2]], [SYSTEM, 'timeout']);
});

test('a tenant reads only its own events, page by page, with cursors that the server returned', async () => {
  const dataDir = await mkdtemp(join(tmpdir(), 'caisson-control-plane-'));
  await using undo = new AsyncDisposableStack();
  undo.defer(() => rm(dataDir, { recursive: true, force: true }));
  const store = await openStore(dataDir);
  const keys = ['mine', 'other'].map((name) => ({ name, key: newApiKey() }));
  for (const { name, key } of keys) {
    const tenantId = newTenantId();
    await tenantRepository(store.db, store.writer).addTenant(
      { id: tenantId, name, createdAt: 0 },
      { id: newApiKeyId(), tenantId, name: 'key', hash: hashApiKey(key), role: 'member', createdAt: 0 },
    );
  }
  await store[Symbol.asyncDispose]();
  const [mine = '', other = ''] = keys.map(({ key }) => key);
  const server = undo.use(await start({ dataDir, keyFallback: mine }));
  for (const key of [mine, other, mine, other]) {
    await server.call('POST', '/api/v1/jobs', { json: { code: 'x' }, key });
  }
  const all = (await trail(server)).items;
  assert.deepEqual(
    all.map(({ sequence }) => sequence),
    [4, 3, 2, 1],
  );
  assert.equal(new Set(all.map(({ tenant_id }) => tenant_id)).size, 1);
  assert.equal(verify(all).status, 0);
  const first = await trail(server, '?limit=3');
  const second = await trail(server, `?limit=3&cursor=${first.next_cursor ?? ''}`);
  assert.deepEqual([...first.items, ...second.items], all);
  assert.equal(second.next_cursor, null);
  for (const cursor of [
    'x',
    Buffer.from('-1').toString('base64url'),
    Buffer.from('1e9').toString('base64url'),
  ]) {
    assert.equal((await server.call('GET', `/api/v1/audit?cursor=${cursor}`)).status, 422, cursor);
  }
});

test('a trimmed trail can be verified from its checkpoint', async () => {
  let now = Date.now();
  const config = { auditRetentionMs: 1000, retentionIntervalMs: 1 };
  await using server = await start({ config, clock: { nowMs: () => now } });
  for (const code of ['a', 'b', 'c']) await run(server, '/api/v1/jobs', code);
  assert.equal((await trail(server)).checkpoint, null);
  now += 10_000;
  await until(async () => (await trail(server)).checkpoint !== null);
  const trimmed = await trail(server);
  const { items, checkpoint } = trimmed;
  assert.equal(checkpoint?.sequence, 5);
  assert.deepEqual(
    items.map(({ sequence, action, principal, details }) => [sequence, action, principal, details]),
    [[6, 'audit.trimmed', SYSTEM, checkpoint]],
  );
  const whole = `whole up to 6: ${items[0]?.hash}`;
  assert.deepEqual(verify(items, checkpoint), { status: 0, output: whole });
  const other = { ...checkpoint, hash: '0'.repeat(64) };
  assert.deepEqual(verify(items, other), { status: 1, output: '6: the one before was replaced' });
  const job = await run(server, '/api/v1/jobs', 'd');
  const [newest] = (await trail(server)).items;
  assert.equal(newest?.subject, job.execution_id);
  assert.match(
    verify([newest], checkpoint).output,
    /^the event that tells of the removal up to 5 is not among these/,
  );
});
