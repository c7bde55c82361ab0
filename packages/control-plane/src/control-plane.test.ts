import assert from 'node:assert/strict';
import { mkdtemp, readFile, rm, stat } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import {
  executionResult,
  newApiKeyId,
  newExecutionId,
  newSandboxId,
  newSessionId,
  newTenantId,
  RUNNING,
  session,
  SYSTEM,
} from '@caisson/protocol/api';
import { jsonTextOf } from '@caisson/protocol/ports';
import type { Role } from '@caisson/protocol/api';
import { hashApiKey, newApiKey } from './auth/api-key.ts';
import { creatingSession } from './model/session-record.ts';
import { advance, queuedExecution } from './model/execution-record.ts';
import { openStore } from './store/sqlite/database.ts';
import { executionRepository } from './store/executions.ts';
import { sessionRepository } from './store/sessions.ts';
import { tenantRepository } from './store/tenants.ts';
import { untilAborted } from './testing/fake-data-plane.ts';
import { start, until } from './testing/start.ts';
import type { Started } from './testing/start.ts';

async function temporaryDirectory() {
  const path = await mkdtemp(join(tmpdir(), 'caisson-control-plane-'));
  return { path, [Symbol.asyncDispose]: () => rm(path, { recursive: true, force: true }) };
}

/** Adds a tenant to a database that no server has open; returns its key. */
async function addTenant(dataDir: string, name: string, role: Role = 'member') {
  await using store = await openStore(dataDir);
  const key = newApiKey();
  const tenantId = newTenantId();
  await tenantRepository(store.db, store.writer).addTenant(
    { id: tenantId, name, createdAt: 0 },
    { id: newApiKeyId(), tenantId, name: 'key', hash: hashApiKey(key), role, createdAt: 0 },
  );
  return { key, tenantId };
}

async function result(server: Started, id: string, key = server.key) {
  return executionResult.parse(await (await server.call('GET', `/api/v1/executions/${id}`, { key })).json());
}

test('only the first start creates an admin key', async () => {
  await using directory = await temporaryDirectory();
  {
    await using server = await start({ dataDir: directory.path });
    assert.equal(server.control.newKeyFile, join(directory.path, 'admin.key'));
    assert.match(server.key, /^csn_/);
    const { mode } = await stat(join(directory.path, 'admin.key'));
    assert.equal(mode & 0o777, 0o600);
    const database = await readFile(join(directory.path, 'caisson.db'));
    assert.equal(database.includes(server.key), false);
  }
  await using again = await start({ dataDir: directory.path });
  assert.equal(again.control.newKeyFile, undefined);
  assert.equal((await again.call('GET', '/api/v1/sessions')).status, 200);
});

test('two servers cannot use one directory', async () => {
  await using server = await start();
  await assert.rejects(start({ dataDir: server.dataDir }), /another server/);
});

test("another tenant's resources are not found, on every route with an id", async () => {
  await using directory = await temporaryDirectory();
  const { key } = await addTenant(directory.path, 'other');
  const { key: mine } = await addTenant(directory.path, 'mine');
  await using server = await start({ dataDir: directory.path, keyFallback: mine });
  const made = await server.call('POST', '/api/v1/sessions', { json: {}, key: mine });
  const { session_id } = session.parse(await made.json());
  const ran = await server.call('POST', `/api/v1/sessions/${session_id}/execute`, {
    json: { code: 'x' },
    key: mine,
  });
  const { execution_id } = executionResult.parse(await ran.json());
  await server.call('PUT', `/api/v1/sessions/${session_id}/files/f`, { body: 'secret', key: mine });
  const routes: [string, string, object?][] = [
    ['GET', `/api/v1/sessions/${session_id}`],
    ['DELETE', `/api/v1/sessions/${session_id}`],
    ['POST', `/api/v1/sessions/${session_id}/terminate`],
    ['POST', `/api/v1/sessions/${session_id}/pause`],
    ['POST', `/api/v1/sessions/${session_id}/resume`],
    ['POST', `/api/v1/sessions/${session_id}/extend`, {}],
    ['POST', `/api/v1/sessions/${session_id}/execute`, { code: 'x' }],
    ['GET', `/api/v1/sessions/${session_id}/executions`],
    ['GET', `/api/v1/sessions/${session_id}/files`],
    ['GET', `/api/v1/sessions/${session_id}/files/f`],
    ['HEAD', `/api/v1/sessions/${session_id}/files/f`],
    ['PUT', `/api/v1/sessions/${session_id}/files/f`],
    ['DELETE', `/api/v1/sessions/${session_id}/files/f`],
    ['GET', `/api/v1/executions/${execution_id}`],
    ['GET', `/api/v1/executions/${execution_id}/status`],
    ['GET', `/api/v1/executions/${execution_id}/result`],
    ['GET', `/api/v1/executions/${execution_id}/logs`],
    ['POST', `/api/v1/executions/${execution_id}/cancel`],
  ];
  const withoutRequest = (text: string) => text.replace(/"request_id":"[^"]*"/, '');
  for (const [method, path, json] of routes) {
    const name = `${method} ${path}`;
    const options = { key, ...(json && { json }) };
    const answer = await server.call(method, path, options);
    assert.equal(answer.status, 404, name);
    const unknownPath = path.replace(session_id, newSessionId()).replace(execution_id, newExecutionId());
    const unknown = await server.call(method, unknownPath, options);
    const hideIds = (text: string) => withoutRequest(text).replace(/(ses|exe)_\w{32}/g, 'ID');
    assert.equal(hideIds(await answer.text()), hideIds(await unknown.text()), name);
  }
  const form = new FormData();
  form.append('file', new Blob(['x']), 'f');
  const upload = await server.call('POST', `/api/v1/sessions/${session_id}/files/upload`, {
    body: form,
    key,
  });
  assert.equal(upload.status, 404);
  for (const list of ['/api/v1/sessions', '/api/v1/executions']) {
    assert.deepEqual(await (await server.call('GET', list, { key })).json(), {
      items: [],
      next_cursor: null,
    });
  }
  assert.equal((await server.call('GET', `/api/v1/sessions/${session_id}`, { key: mine })).status, 200);
});

test('a tenant with a long queue does not block another tenant', async () => {
  await using directory = await temporaryDirectory();
  const greedy = await addTenant(directory.path, 'greedy', 'operator');
  const modest = await addTenant(directory.path, 'modest');
  await using server = await start({
    dataDir: directory.path,
    keyFallback: greedy.key,
    config: { maxConcurrentExecutions: 1, maxConcurrentExecutionsPerTenant: 1 },
  });
  const gate = Promise.withResolvers<object>();
  server.plane.on('first', () => gate.promise);
  const call = (code: string, key: string) => server.call('POST', '/api/v1/jobs', { json: { code }, key });
  const first = call('first', greedy.key);
  await until(() => server.plane.steps.length === 1);
  const others = Array.from({ length: 20 }, (_, index) => call(`greedy ${index}`, greedy.key));
  await until(async () => (await queued(server)) === 20);
  others.push(call('modest', modest.key));
  await until(async () => (await queued(server)) === 21);
  gate.resolve({});
  await Promise.all([first, ...others]);
  const place = server.plane.steps.findIndex(({ code }) => code === 'modest');
  assert.ok(place <= 2, `it came at place ${place}`);
});

async function queued(server: Started): Promise<number> {
  const answer = await server.call('GET', '/api/v1/health/detailed');
  return ((await answer.json()) as { executions: { queued: number } }).executions.queued;
}

test('after a crash, running executions end as lost, and queued detached jobs run', async () => {
  await using directory = await temporaryDirectory();
  const { key, tenantId } = await addTenant(directory.path, 'tenant');
  const opened = await openStore(directory.path);
  const store = executionRepository(opened.db, opened.writer);
  const created = (sessionId: ReturnType<typeof newSessionId> | null) =>
    queuedExecution({
      id: newExecutionId(),
      tenantId,
      sessionId,
      language: 'python',
      templateId: 'python',
      codeSha256: '0'.repeat(64),
      submittedBy: null,
      replicaId: null,
      createdAt: Date.now(),
    });
  const resources = { cpuMillicores: 1000, memoryBytes: 2 ** 29, diskBytes: 2 ** 30, pids: 128 };
  const lent = creatingSession({
    id: newSessionId(),
    tenantId,
    sandboxId: newSandboxId(),
    nodeId: null,
    templateId: 'python',
    languages: ['python'],
    isolation: 'container',
    resources,
    metadata: {},
    idleTimeoutMs: null,
    createdAt: Date.now(),
    expiresAt: Date.now() + 60_000,
  });
  await sessionRepository(opened.db, opened.writer).insert(lent, SYSTEM, 1);
  const running = advance(created(null), RUNNING, Date.now());
  assert.ok(running);
  await store.insert(running, null);
  const ofSession = created(lent.id);
  await store.insert(ofSession, null);
  const waiting = created(null);
  await store.insert(waiting, {
    step: {
      executionId: waiting.id,
      sessionId: null,
      language: 'python',
      code: 'after the crash',
      timeoutMs: 1000,
      env: {},
      stdin: null,
      event: jsonTextOf({}),
      outputLimitBytes: 1024,
    },
    sandbox: {
      id: newSandboxId(),
      tenantId,
      templateId: 'python',
      isolation: 'container',
      resources,
      env: {},
      isolationScope: 'auto',
    },
  });
  await opened[Symbol.asyncDispose]();

  const config = { maxConcurrentExecutionsPerTenant: 7 };
  await using server = await start({ dataDir: directory.path, keyFallback: key, config });
  for (const { id } of [running, ofSession]) {
    const { status, reason } = await result(server, id, key);
    assert.deepEqual([status, reason], ['failed', 'sandbox_lost']);
  }
  const lost = session.parse(await (await server.call('GET', `/api/v1/sessions/${lent.id}`, { key })).json());
  assert.deepEqual([lost.status, lost.reason], ['terminated', 'sandbox_lost']);
  await until(async () => (await result(server, waiting.id, key)).status === 'succeeded');
  assert.deepEqual(
    server.plane.steps.map(({ code }) => code),
    ['after the crash'],
  );
  const { quota } = server.plane.requests[0] ?? {};
  assert.deepEqual(quota, { kind: 'job', limit: 7 }, 'with the current quota');
});

test('a stop ends running executions, keeps queued detached jobs, and deletes the code of the rest', async () => {
  await using directory = await temporaryDirectory();
  const ids: string[] = [];
  {
    await using server = await start({ dataDir: directory.path, config: { maxConcurrentExecutions: 1 } });
    server.plane.on('forever', untilAborted);
    for (const code of ['forever', 'secret code that waits']) {
      const headers = { prefer: 'respond-async' };
      const answer = await server.call('POST', '/api/v1/jobs', { json: { code }, headers });
      ids.push(((await answer.json()) as { execution_id: string }).execution_id);
    }
    const waiting = server.call('POST', '/api/v1/jobs', { json: { code: 'waits with its caller' } });
    await until(async () => (await queued(server)) === 2);
    await server.call('POST', '/api/v1/sessions', { json: {} });
    const closing = server.control.close();
    const refused = await (await waiting).json();
    assert.equal(executionResult.parse(refused).reason, 'shutdown');
    await closing;
    assert.equal(server.plane.plane.sandboxes.size, 0);
  }
  await using server = await start({ dataDir: directory.path });
  const [running = '', kept = ''] = ids;
  assert.equal((await result(server, running)).reason, 'shutdown');
  await until(async () => (await result(server, kept)).status === 'succeeded');
  const listed = await server.call('GET', '/api/v1/sessions');
  const { items } = (await listed.json()) as { items: { reason: string }[] };
  assert.deepEqual(
    items.map(({ reason }) => reason),
    ['shutdown'],
  );
});

test('a stopping server refuses new work and says why', async () => {
  await using server = await start({ config: { shutdownGraceMs: 5000 } });
  const gate = Promise.withResolvers<object>();
  server.plane.on('slow', () => gate.promise);
  const slow = server.call('POST', '/api/v1/jobs', { json: { code: 'slow' } });
  await until(() => server.plane.steps.length === 1);
  const closing = server.control.close();
  const refused = await server.call('POST', '/api/v1/jobs', { json: { code: 'x' } });
  assert.equal(refused.status, 503);
  assert.match(refused.headers.get('retry-after') ?? '', /^\d+$/);
  assert.equal((await server.call('GET', '/readyz')).status, 503);
  assert.equal((await server.call('GET', '/healthz')).status, 200);
  gate.resolve({});
  assert.equal(executionResult.parse(await (await slow).json()).status, 'succeeded');
  await closing;
});

test('health, OpenAPI and reference need no key; metrics do', async () => {
  await using server = await start();
  await server.call('POST', '/api/v1/jobs', { json: { code: 'x' } });
  for (const path of ['/healthz', '/readyz', '/api/v1/health', '/openapi.json', '/docs']) {
    assert.equal((await fetch(server.url + path)).status, 200, path);
  }
  for (const path of ['/metrics', '/api/v1/health/detailed']) {
    assert.equal((await fetch(server.url + path)).status, 401, path);
  }
  const metrics = await (await server.call('GET', '/metrics')).text();
  assert.match(metrics, /^caisson_executions_total\{status="succeeded",reason=""\} 1$/m);
  assert.match(metrics, /^sandbox_active_total 0$/m);
});

test('every route is in the OpenAPI document, with its problems, and with a key if it needs one', async () => {
  await using server = await start();
  const description = (await (await fetch(`${server.url}/openapi.json`)).json()) as {
    openapi: string;
    paths: Record<
      string,
      Record<string, { summary?: string; tags?: string[]; security?: unknown; responses: object }>
    >;
    components: { schemas: object };
  };
  assert.equal(description.openapi, '3.1.0');
  assert.ok(
    'JobRequest' in description.components.schemas || 'JobRequestInput' in description.components.schemas,
  );
  const open = ['/healthz', '/readyz', '/api/v1/health', '/openapi.json'];
  for (const [path, methods] of Object.entries(description.paths)) {
    for (const [method, operation] of Object.entries(methods)) {
      const name = `${method} ${path}`;
      assert.ok(operation.summary, name);
      assert.ok(operation.tags?.length, name);
      if (open.includes(path)) continue;
      assert.deepEqual(operation.security, [{ apiKey: [] }], name);
      assert.ok('4XX' in operation.responses || '4xx' in operation.responses, name);
    }
  }
  assert.ok(Object.keys(description.paths).length > 20);
});
