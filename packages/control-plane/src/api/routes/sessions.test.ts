import assert from 'node:assert/strict';
import { test } from 'node:test';
import { CaissonError, newSandboxId, problemSchema, session as sessionSchema } from '@caisson/protocol/api';
import { jsonTextOf } from '@caisson/protocol/ports';
import { untilAborted } from '../../testing/fake-data-plane.ts';
import { start, until } from '../../testing/start.ts';
import type { Started } from '../../testing/start.ts';

async function create(server: Started, body: object = {}): Promise<string> {
  const answer = await server.call('POST', '/api/v1/sessions', { json: body });
  assert.equal(answer.status, 201);
  return sessionSchema.parse(await answer.json()).session_id;
}

async function read(server: Started, id: string) {
  return sessionSchema.parse(await (await server.call('GET', `/api/v1/sessions/${id}`)).json());
}

async function codeOf(answer: Response): Promise<string> {
  return problemSchema.parse(await answer.json()).code;
}

test('the quick start works', async () => {
  await using server = await start();
  const code = 'def handler(event):\n    return {"result": "hello world"}';
  server.plane.on(code, () => Promise.resolve({ returnValue: jsonTextOf({ result: 'hello world' }) }));
  const made = await server.call('POST', '/api/v1/sessions', {
    json: { template_id: 'python', timeout: 300, resources: { cpu: '1', memory: '512Mi', disk: '1Gi' } },
  });
  assert.equal(made.status, 201);
  const { session_id, status, resources } = sessionSchema.parse(await made.json());
  assert.equal(status, 'running');
  assert.deepEqual(resources, { cpu: '1', memory: '512Mi', disk: '1Gi', pids: 128 });
  const ran = await server.call('POST', `/api/v1/sessions/${session_id}/execute`, {
    json: { code, language: 'python', timeout: 30 },
  });
  const result = (await ran.json()) as { return_value: { result: string }; session_id: string };
  assert.equal(result.return_value.result, 'hello world');
  assert.equal(result.session_id, session_id);
  const listed = await server.call('GET', `/api/v1/sessions/${session_id}/executions`);
  assert.equal(((await listed.json()) as { items: unknown[] }).items.length, 1);
});

test('termination removes the sandbox, ends running steps, and can be repeated', async () => {
  await using server = await start();
  const id = await create(server);
  server.plane.on('forever', untilAborted);
  const step = server.call('POST', `/api/v1/sessions/${id}/execute`, { json: { code: 'forever' } });
  await until(() => server.plane.steps.length === 1);
  assert.equal((await server.call('DELETE', `/api/v1/sessions/${id}`)).status, 204);
  const ended = (await (await step).json()) as { status: string; reason: string };
  assert.deepEqual([ended.status, ended.reason], ['cancelled', 'session_terminated']);
  assert.equal(server.plane.plane.sandboxes.size, 0);
  const again = await server.call('POST', `/api/v1/sessions/${id}/terminate`);
  assert.equal(again.status, 200);
  assert.equal(sessionSchema.parse(await again.json()).reason, 'requested');
  const late = await server.call('POST', `/api/v1/sessions/${id}/execute`, { json: { code: 'x' } });
  assert.equal(await codeOf(late), 'session_not_running');
});

test('steps of one session run one after another, and take no slot while they wait', async () => {
  await using server = await start({
    config: { maxConcurrentExecutions: 2, maxConcurrentExecutionsPerTenant: 2 },
  });
  const id = await create(server);
  const gate = Promise.withResolvers<object>();
  server.plane.on('first', () => gate.promise);
  const steps = ['first', 'second', 'third'].map((code) =>
    server.call('POST', `/api/v1/sessions/${id}/execute`, { json: { code } }),
  );
  await until(() => server.plane.steps.length === 1);
  assert.equal((await server.call('POST', '/api/v1/jobs', { json: { code: 'job' } })).status, 200);
  gate.resolve({});
  for (const step of steps) assert.equal((await step).status, 200);
  assert.equal(server.plane.steps.filter(({ sessionId }) => sessionId === id).length, 3);
});

test('a session ends after its lifetime and after its idle timeout, and can be extended', async () => {
  let now = Date.now();
  const clock = { nowMs: () => now };
  await using server = await start({ clock, config: { syncIntervalMs: 5 } });
  const short = await create(server, { timeout: 10 });
  const idle = await create(server, { timeout: 1000, idle_timeout: 20 });
  const kept = await create(server, { timeout: 10 });
  assert.equal(
    (await server.call('POST', `/api/v1/sessions/${kept}/extend`, { json: { timeout: 500 } })).status,
    200,
  );
  now += 11_000;
  await until(async () => (await read(server, short)).status === 'terminated');
  assert.equal((await read(server, short)).reason, 'timeout');
  assert.equal((await read(server, idle)).status, 'running');
  now += 10_000;
  await until(async () => (await read(server, idle)).status === 'terminated');
  assert.equal((await read(server, idle)).reason, 'idle_timeout');
  assert.equal((await read(server, kept)).status, 'running');
  const tooLong = await server.call('POST', `/api/v1/sessions/${kept}/extend`, { json: { timeout: 86_400 } });
  assert.equal(await codeOf(tooLong), 'session_lifetime_exceeded');
});

test('a session can be paused and resumed, and runs nothing while paused', async () => {
  await using server = await start();
  const id = await create(server);
  const act = (action: string) => server.call('POST', `/api/v1/sessions/${id}/${action}`);
  assert.equal(await codeOf(await act('resume')), 'session_state_conflict');
  assert.equal((await act('pause')).status, 200);
  const step = await server.call('POST', `/api/v1/sessions/${id}/execute`, { json: { code: 'x' } });
  assert.equal(await codeOf(step), 'session_not_running');
  assert.equal((await act('resume')).status, 200);
  assert.equal((await read(server, id)).status, 'running');
});

test('a session whose sandbox cannot be paused stays running', async () => {
  await using server = await start();
  const id = await create(server);
  const [sandbox] = server.plane.plane.sandboxes.values();
  assert.ok(sandbox !== undefined);
  const pause = sandbox.pause.bind(sandbox);
  sandbox.pause = () => Promise.reject(new CaissonError('pause_failed', { retryAfterSeconds: 1 }));
  const refused = await server.call('POST', `/api/v1/sessions/${id}/pause`);
  assert.deepEqual([refused.status, refused.headers.get('retry-after')], [503, '1']);
  assert.equal(await codeOf(refused), 'pause_failed');
  assert.equal((await read(server, id)).status, 'running');
  const step = await server.call('POST', `/api/v1/sessions/${id}/execute`, { json: { code: 'x' } });
  assert.equal(step.status, 200);
  sandbox.pause = pause;
  assert.equal((await server.call('POST', `/api/v1/sessions/${id}/pause`)).status, 200);
});

test('a lost sandbox ends its session', async () => {
  await using server = await start();
  const id = await create(server);
  const [sandboxId] = server.plane.plane.sandboxes.keys();
  assert.ok(sandboxId !== undefined);
  server.plane.plane.lose(sandboxId);
  await until(async () => (await read(server, id)).status === 'terminated');
  assert.equal((await read(server, id)).reason, 'sandbox_lost');
});

test('a step whose sandbox is lost fails for that reason, and ends the session', async () => {
  await using server = await start();
  const id = await create(server);
  const sandboxId = newSandboxId();
  server.plane.on('x', () => Promise.reject(new CaissonError('sandbox_lost', { id: sandboxId })));
  const step = await server.call('POST', `/api/v1/sessions/${id}/execute`, { json: { code: 'x' } });
  const { status, reason } = (await step.json()) as { status: string; reason: string };
  assert.deepEqual([status, reason], ['failed', 'sandbox_lost']);
  await until(async () => (await read(server, id)).status === 'terminated');
  assert.equal((await read(server, id)).reason, 'sandbox_lost');
});

test('a session whose caller disconnects during its creation is ended', async () => {
  await using server = await start();
  // The sandbox is created although its creation was aborted.
  server.plane.plane.beforeCreate = (signal) =>
    new Promise((resolve) => {
      signal.addEventListener('abort', () => {
        resolve();
      });
    });
  const caller = new AbortController();
  const made = server.call('POST', '/api/v1/sessions', { json: {}, signal: caller.signal });
  await until(() => server.plane.requests.length === 1);
  caller.abort();
  await assert.rejects(made);
  await until(async () => {
    const listed = (await (await server.call('GET', '/api/v1/sessions')).json()) as {
      items: { status: string }[];
    };
    return listed.items[0]?.status === 'terminated';
  });
  await until(() => server.plane.plane.sandboxes.size === 0);
});

test('a session can be terminated during its creation', async () => {
  await using server = await start();
  server.plane.plane.beforeCreate = (signal) =>
    new Promise((_resolve, reject) => {
      signal.addEventListener('abort', () => {
        reject(new Error('aborted'));
      });
    });
  const made = server.call('POST', '/api/v1/sessions', { json: {} });
  await until(() => server.plane.requests.length === 1);
  const listed = await server.call('GET', '/api/v1/sessions?status=creating');
  const [creating] = ((await listed.json()) as { items: { session_id: string }[] }).items;
  assert.ok(creating);
  assert.equal((await server.call('DELETE', `/api/v1/sessions/${creating.session_id}`)).status, 204);
  assert.equal(await codeOf(await made), 'session_not_running');
  assert.equal((await read(server, creating.session_id)).reason, 'requested');
});

test('a failed sandbox creation is answered with a problem, and recorded in the session', async () => {
  await using server = await start();
  server.plane.plane.beforeCreate = () => Promise.reject(new Error('/host/path: no'));
  const made = await server.call('POST', '/api/v1/sessions', { json: {} });
  assert.equal(made.status, 503);
  const problem = problemSchema.parse(await made.json());
  assert.equal(problem.code, 'sandbox_unavailable');
  assert.doesNotMatch(problem.detail, /host/);
  const listed = (await (await server.call('GET', '/api/v1/sessions')).json()) as {
    items: { reason: string }[];
  };
  assert.equal(listed.items[0]?.reason, 'create_failed');
});

test('the sessions of a tenant are limited', async () => {
  await using server = await start({ config: { maxSessionsPerTenant: 1 } });
  await create(server);
  const second = await server.call('POST', '/api/v1/sessions', { json: {} });
  assert.equal(await codeOf(second), 'session_limit_reached');
  assert.deepEqual(
    server.plane.requests[0]?.quota,
    { kind: 'session', limit: 1 },
    'passed to the data plane',
  );
});

test('one idempotency key creates one session', async () => {
  await using server = await start();
  const make = (json: object) =>
    server.call('POST', '/api/v1/sessions', { json, headers: { 'idempotency-key': 'k1' } });
  const [first, second] = await Promise.all([make({}), make({})]);
  const ids = await Promise.all(
    [first, second].map(async (answer) => ((await answer.json()) as { session_id: string }).session_id),
  );
  assert.equal(ids[0], ids[1]);
  assert.equal(server.plane.plane.sandboxes.size, 1);
  assert.equal(await codeOf(await make({ timeout: 5 })), 'idempotency_key_reused');
});

test('lists are read page by page, newest first', async () => {
  await using server = await start();
  const ids = [await create(server), await create(server), await create(server)].sort().reverse();
  type Page = { items: { session_id: string }[]; next_cursor: string | null };
  const first = (await (await server.call('GET', '/api/v1/sessions?limit=2')).json()) as Page;
  assert.deepEqual(
    first.items.map(({ session_id }) => session_id),
    ids.slice(0, 2),
  );
  const rest = (await (
    await server.call('GET', `/api/v1/sessions?limit=2&cursor=${first.next_cursor}`)
  ).json()) as Page;
  assert.deepEqual(
    rest.items.map(({ session_id }) => session_id),
    ids.slice(2),
  );
  assert.equal(rest.next_cursor, null);
});
