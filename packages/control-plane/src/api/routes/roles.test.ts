import assert from 'node:assert/strict';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { newApiKeyId, newTenantId, problemSchema } from '@caisson/protocol/api';
import { hashApiKey, newApiKey } from '../../auth/api-key.ts';
import { openStore } from '../../store/sqlite/database.ts';
import { tenantRepository } from '../../store/tenants.ts';
import { start } from '../../testing/start.ts';

/** A data directory with two tenants: one has an operator's key, the other a member's. */
async function twoTenants() {
  await using undo = new AsyncDisposableStack();
  const dataDir = await mkdtemp(join(tmpdir(), 'caisson-roles-'));
  undo.defer(() => rm(dataDir, { recursive: true, force: true }));
  const store = await openStore(dataDir);
  const keys = { operator: newApiKey(), member: newApiKey() };
  for (const role of ['operator', 'member'] as const) {
    const tenantId = newTenantId();
    const key = {
      id: newApiKeyId(),
      tenantId,
      name: 'key',
      hash: hashApiKey(keys[role]),
      role,
      createdAt: 0,
    };
    await tenantRepository(store.db, store.writer).addTenant({ id: tenantId, name: role, createdAt: 0 }, key);
  }
  await store[Symbol.asyncDispose]();
  const resources = undo.move();
  return { dataDir, ...keys, [Symbol.asyncDispose]: () => resources.disposeAsync() };
}

test("a member can use its tenant's resources, but not read about the host or other tenants", async () => {
  await using tenants = await twoTenants();
  await using server = await start({ dataDir: tenants.dataDir, keyFallback: tenants.member });
  // Twice: the second answer uses the cached key.
  for (let round = 0; round < 2; round += 1) {
    for (const path of ['/metrics', '/api/v1/health/detailed']) {
      const refused = await server.call('GET', path);
      const problem = problemSchema.parse(await refused.json());
      assert.deepEqual([refused.status, problem.code], [403, 'forbidden'], path);
      assert.match(problem.detail, /^authorization: .*"operator"/);
      assert.equal((await server.call('GET', path, { key: tenants.operator })).status, 200, path);
    }
  }
  const made = await server.call('POST', '/api/v1/sessions', { json: {} });
  assert.equal(made.status, 201);
  const { session_id } = (await made.json()) as { session_id: string };
  for (const path of [`/api/v1/sessions/${session_id}`, '/api/v1/executions', '/api/v1/audit']) {
    assert.equal((await server.call('GET', path)).status, 200, path);
  }
  assert.equal((await server.call('POST', '/api/v1/jobs', { json: { code: 'x' } })).status, 200);
});

test('public routes reveal only liveness and version', async () => {
  await using server = await start();
  for (const path of ['/healthz', '/readyz', '/api/v1/health']) {
    const answer = (await (await fetch(server.url + path)).json()) as object;
    assert.deepEqual(Object.keys(answer).sort(), ['status', 'version'], path);
  }
});
