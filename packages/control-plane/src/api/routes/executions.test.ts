import assert from 'node:assert/strict';
import { connect } from 'node:net';
import { test } from 'node:test';
import { executionResult, problemSchema } from '@caisson/protocol/api';
import { jsonTextOf } from '@caisson/protocol/ports';
import { FakeDataPlane, untilAborted } from '../../testing/fake-data-plane.ts';
import { start, until } from '../../testing/start.ts';
import type { CallOptions, Started } from '../../testing/start.ts';

const EVENTS = { accept: 'text/event-stream' };
const ASYNC = { prefer: 'respond-async' };

function job(server: Started, code: string, options: CallOptions = {}): Promise<Response> {
  return server.call('POST', '/api/v1/jobs', { json: { code }, ...options });
}

async function submit(server: Started, code: string): Promise<string> {
  const answer = await job(server, code, { headers: ASYNC });
  assert.equal(answer.status, 202);
  return ((await answer.json()) as { execution_id: string }).execution_id;
}

async function read(server: Started, id: string) {
  return executionResult.parse(await (await server.call('GET', `/api/v1/executions/${id}`)).json());
}

const idsOf = (stream: string) => [...stream.matchAll(/^id: (\d+)$/gm)].map(([, id]) => Number(id));
const typesOf = (stream: string) => [...stream.matchAll(/^event: (\w+)$/gm)].map(([, type]) => type);

test('an asynchronous job is accepted, can be read, and finishes', async () => {
  await using server = await start();
  const gate = Promise.withResolvers<object>();
  server.plane.on('slow', () => gate.promise);
  const answer = await job(server, 'slow', { headers: ASYNC });
  assert.equal(answer.status, 202);
  assert.equal(answer.headers.get('preference-applied'), 'respond-async');
  const location = answer.headers.get('location') ?? '';
  const result = await server.call('GET', `${location}/result`);
  assert.equal(result.status, 409);
  gate.resolve({});
  await until(async () =>
    (await (await server.call('GET', `${location}/status`)).text()).includes('succeeded'),
  );
  assert.equal((await server.call('GET', `${location}/result`)).status, 200);
});

test('events are streamed as they happen, and end with the result', async () => {
  await using server = await start();
  const gate: PromiseWithResolvers<void> = Promise.withResolvers();
  server.plane.on('prints', async (_step, events) => {
    await events({ type: 'stdout', text: 'one\n' });
    await gate.promise;
    await events({ type: 'stderr', text: 'two\n' });
    return {};
  });
  const answer = await job(server, 'prints', { headers: EVENTS });
  assert.match(answer.headers.get('content-type') ?? '', /^text\/event-stream/);
  const reader = answer.body?.pipeThrough(new TextDecoderStream()).getReader();
  assert.ok(reader);
  let seen = '';
  while (!seen.includes('one')) seen += (await reader.read()).value ?? '';
  gate.resolve();
  for (let chunk = await reader.read(); !chunk.done; chunk = await reader.read()) seen += chunk.value;
  assert.deepEqual(typesOf(seen), ['status', 'status', 'stdout', 'stderr', 'finished']);
  assert.deepEqual(idsOf(seen), [1, 2, 3, 4, 5]);
});

test('a broken stream resumes after the last event, live and replayed', async () => {
  await using server = await start();
  const gate = Promise.withResolvers<object>();
  server.plane.on('prints', async (_step, events) => {
    for (const text of ['a', 'b', 'c']) await events({ type: 'stdout', text });
    return gate.promise;
  });
  const id = await submit(server, 'prints');
  await until(async () => (await read(server, id)).stdout === 'abc');
  const headers = { ...EVENTS, 'last-event-id': '3' };
  const live = server.call('GET', `/api/v1/executions/${id}/logs`, { headers });
  const open = await live;
  gate.resolve({});
  const stream = await open.text();
  assert.deepEqual(idsOf(stream), [4, 5, 6]);
  const replayed = await (await server.call('GET', `/api/v1/executions/${id}/logs`, { headers })).text();
  assert.equal(replayed, stream);
  const whole = await (await server.call('GET', `/api/v1/executions/${id}/logs`, { headers: EVENTS })).text();
  assert.deepEqual(idsOf(whole), [1, 2, 3, 4, 5, 6]);
  const logs = await server.call('GET', `/api/v1/executions/${id}/logs`);
  assert.deepEqual(await logs.json(), { execution_id: id, stdout: 'abc', stderr: '', truncated: false });
});

test('a silent stream gets heartbeats', async () => {
  await using server = await start({ config: { heartbeatMs: 10 } });
  const gate = Promise.withResolvers<object>();
  server.plane.on('silent', () => gate.promise);
  const answer = await job(server, 'silent', { headers: EVENTS });
  const reader = answer.body?.pipeThrough(new TextDecoderStream()).getReader();
  assert.ok(reader);
  let seen = '';
  while (!seen.includes(': still here')) seen += (await reader.read()).value ?? '';
  gate.resolve({});
  for (let chunk = await reader.read(); !chunk.done; chunk = await reader.read()) seen += chunk.value;
  assert.match(seen, /event: finished/);
});

test('a disconnected reader does not block the execution', async () => {
  await using server = await start();
  const chunk = 'x'.repeat(64 * 1024);
  let held = false;
  server.plane.on('flood', async (_step, events) => {
    for (let sent = 0; sent < 200; sent += 1) {
      const room = events({ type: 'stdout', text: chunk });
      if (room !== undefined) held = true;
      await room;
    }
    return {};
  });
  const caller = new AbortController();
  const answer = await job(server, 'flood', { headers: EVENTS, signal: caller.signal });
  const id = (answer.headers.get('location') ?? '').split('/').at(-1) ?? '';
  await until(() => held);
  assert.equal((await read(server, id)).status, 'running');
  caller.abort();
  await assert.rejects(answer.text());
  await until(async () => (await read(server, id)).status === 'succeeded');
});

test('a stalled reader is disconnected, and does not block the execution', async () => {
  await using server = await start({ config: { stalledReaderMs: 50 } });
  server.plane.on('flood', async (_step, events) => {
    for (let sent = 0; sent < 200; sent += 1) {
      await events({ type: 'stdout', text: 'x'.repeat(64 * 1024) });
    }
    return {};
  });
  const { hostname, port } = new URL(server.url);
  const socket = connect(Number(port), hostname);
  const body = JSON.stringify({ code: 'flood' });
  socket.write(
    `POST /api/v1/jobs HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer ${server.key}\r\nAccept: text/event-stream\r\n` +
      `Content-Type: application/json\r\nContent-Length: ${body.length}\r\n\r\n${body}`,
  );
  await until(() => server.plane.steps.length === 1);
  const id = server.plane.steps[0]?.executionId ?? '';
  await until(async () => (await read(server, id)).status === 'succeeded');
  socket.destroy();
});

test('a caller that disconnects while it waits cancels its job', async () => {
  await using server = await start();
  server.plane.on('forever', untilAborted);
  const caller = new AbortController();
  const answer = job(server, 'forever', { signal: caller.signal });
  await until(() => server.plane.steps.length === 1);
  caller.abort();
  await assert.rejects(answer);
  const id = server.plane.steps[0]?.executionId ?? '';
  await until(async () => (await read(server, id)).status === 'cancelled');
  assert.equal((await read(server, id)).reason, 'cancelled');
});

test('a running or queued job can be cancelled, also twice', async () => {
  await using server = await start({ config: { maxConcurrentExecutions: 1 } });
  server.plane.on('forever', untilAborted);
  const running = await submit(server, 'forever');
  const waiting = await submit(server, 'later');
  for (const id of [waiting, running, running]) {
    const answer = await server.call('POST', `/api/v1/executions/${id}/cancel`);
    const { status, reason } = executionResult.parse(await answer.json());
    assert.deepEqual([status, reason], ['cancelled', 'cancelled']);
  }
  assert.deepEqual(
    server.plane.steps.map(({ code }) => code),
    ['forever'],
  );
  assert.equal((await job(server, 'free again')).status, 200);
});

test('a full queue refuses jobs with Retry-After', async () => {
  await using server = await start({
    config: { maxConcurrentExecutions: 1, maxQueuedExecutions: 1, maxQueuedExecutionsPerTenant: 1 },
  });
  server.plane.on('forever', untilAborted);
  await submit(server, 'forever');
  await submit(server, 'waits');
  const refused = await job(server, 'too much');
  assert.equal(refused.status, 429);
  assert.match(refused.headers.get('retry-after') ?? '', /^\d+$/);
  assert.equal(problemSchema.parse(await refused.json()).code, 'queue_full');
});

test('five hundred concurrent jobs all run', async () => {
  await using server = await start();
  const answers = await Promise.all(Array.from({ length: 500 }, () => job(server, 'x')));
  const statuses = await Promise.all(
    answers.map(async (answer) => ((await answer.json()) as { status: string }).status),
  );
  assert.ok(statuses.every((status) => status === 'succeeded'));
});

test('requests with one idempotency key run one job, and wait for its result', async () => {
  await using server = await start();
  const gate = Promise.withResolvers<object>();
  server.plane.on('once', () => gate.promise);
  const headers = { 'idempotency-key': 'k' };
  const first = job(server, 'once', { headers });
  const second = job(server, 'once', { headers });
  await until(() => server.plane.steps.length > 0);
  gate.resolve({ returnValue: jsonTextOf(7) });
  const results = await Promise.all(
    [first, second].map(async (one) => executionResult.parse(await (await one).json())),
  );
  const third = executionResult.parse(await (await job(server, 'once', { headers })).json());
  assert.deepEqual(results[0], results[1]);
  assert.deepEqual(results[0], third);
  assert.equal(server.plane.steps.length, 1);
  const other = await job(server, 'other', { headers });
  assert.equal(problemSchema.parse(await other.json()).code, 'idempotency_key_reused');
});

test('a job on a failing data plane fails as sandbox_unavailable, without the error message', async () => {
  await using server = await start();
  server.plane.on('x', () => Promise.reject(new Error('/run/secret')));
  const answer = await job(server, 'x');
  assert.equal(answer.status, 200);
  const result = executionResult.parse(await answer.json());
  assert.deepEqual([result.status, result.reason], ['failed', 'sandbox_unavailable']);
  assert.doesNotMatch(JSON.stringify(result), /secret/);
});

test('a data plane that never answers is given up on', async () => {
  await using server = await start({ plane: new FakeDataPlane({ graceMs: 10 }) });
  server.plane.on('hangs', untilAborted);
  const answer = await server.call('POST', '/api/v1/jobs', { json: { code: 'hangs', timeout: 0.1 } });
  assert.equal(executionResult.parse(await answer.json()).status, 'timed_out');
});
