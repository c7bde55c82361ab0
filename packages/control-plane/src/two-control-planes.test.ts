import assert from 'node:assert/strict';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { auditList, executionResult, session } from '@caisson/protocol/api';
import { openStore } from './store/sqlite/database.ts';
import { FakeDataPlane, untilAborted } from './testing/fake-data-plane.ts';
import { start, until } from './testing/start.ts';
import type { Started } from './testing/start.ts';

interface Pair extends AsyncDisposable {
  readonly plane: FakeDataPlane;
  readonly a: Started;
  readonly b: Started;
  /** Simulates the crash of one: nothing of it runs any more, without any notice. */
  drop(control: Started): void;
}

/** Two control planes over one data plane and one database. */
async function startPair(config: { readonly maxConcurrentExecutions?: number } = {}): Promise<Pair> {
  await using undo = new AsyncDisposableStack();
  const dataDir = await mkdtemp(join(tmpdir(), 'caisson-two-'));
  undo.defer(() => rm(dataDir, { recursive: true, force: true }));
  const plane = undo.use(new FakeDataPlane());
  plane.on('forever', untilAborted);
  const of = async (replicaId: string, keyFallback?: string) => {
    // A crashed one still exists in this process, but reaches nothing any more.
    const cut = new AbortController();
    const started = await start({
      dataDir,
      plane: cuttable(plane, cut.signal),
      store: undo.use(await openStore(dataDir)),
      ownsDataPlane: false,
      config: { replicaId, syncIntervalMs: 50, ...config },
      ...(keyFallback !== undefined && { keyFallback }),
    });
    undo.use(started);
    return { started, cut };
  };
  const a = await of('a');
  const b = await of('b', a.started.key);
  const resources = undo.move();
  return {
    plane,
    a: a.started,
    b: b.started,
    drop: (control) => {
      (control === a.started ? a : b).cut.abort();
    },
    [Symbol.asyncDispose]: () => resources.disposeAsync(),
  };
}

/** The same data plane until `signal` aborts: from then on, no call settles before its own signal aborts. */
function cuttable(plane: FakeDataPlane, signal: AbortSignal): FakeDataPlane {
  return new Proxy(plane, {
    get(target, name) {
      const value: unknown = Reflect.get(target, name, target);
      if (typeof value !== 'function') return value;
      return (...args: unknown[]): unknown => {
        const unanswered = new Promise((_resolve, reject) => {
          const own = args.find((arg) => arg instanceof AbortSignal);
          own?.addEventListener('abort', () => {
            reject(new Error('the call was aborted'));
          });
        });
        unanswered.catch(() => undefined);
        if (signal.aborted) return unanswered;
        const result: unknown = Reflect.apply(value, target, args);
        if (!(result instanceof Promise)) return result;
        const cut = new Promise((resolve) => {
          signal.addEventListener('abort', () => {
            resolve(unanswered);
          });
        });
        return Promise.race([result, cut]);
      };
    },
  });
}

async function submit(server: Started, code: string, path = '/api/v1/jobs'): Promise<string> {
  const headers = { prefer: 'respond-async' };
  const answer = await server.call('POST', path, { json: { code, language: 'python' }, headers });
  assert.equal(answer.status, 202, await answer.clone().text());
  return ((await answer.json()) as { execution_id: string }).execution_id;
}

async function read(server: Started, id: string) {
  return executionResult.parse(await (await server.call('GET', `/api/v1/executions/${id}`)).json());
}

async function recordedOutcomes(server: Started, id: string): Promise<number> {
  const trail = auditList.parse(await (await server.call('GET', '/api/v1/audit?limit=1000')).json());
  return trail.items.filter(({ subject, action }) => subject === id && action === 'execution.finished')
    .length;
}

test('each reads the events of the executions of the other as they happen', async () => {
  await using pair = await startPair();
  const { plane, a, b } = pair;
  const gate = Promise.withResolvers<undefined>();
  plane.on('speaks', async (_step, events) => {
    await events({ type: 'stdout', text: 'first' });
    await gate.promise;
    await events({ type: 'stdout', text: 'second' });
    return {};
  });
  const id = await submit(a, 'speaks');
  const answer = await b.call('GET', `/api/v1/executions/${id}/logs`, {
    headers: { accept: 'text/event-stream' },
  });
  let seen = '';
  const decoder = new TextDecoder();
  for await (const chunk of answer.body ?? []) {
    seen += decoder.decode(chunk as Uint8Array, { stream: true });
    if (seen.includes('first')) gate.resolve(undefined);
  }
  assert.deepEqual(
    [...seen.matchAll(/^id: (\d+)\nevent: (\w+)/gm)].map(([, number, type]) => `${number} ${type}`),
    ['1 status', '2 status', '3 stdout', '4 stdout', '5 finished'],
  );
  assert.equal((await read(b, id)).stdout, 'firstsecond');
  assert.equal(await recordedOutcomes(b, id), 1);
});

test("a reader gets all output of a short execution from the other's queue", async () => {
  await using pair = await startPair({ maxConcurrentExecutions: 1 });
  const { plane, a, b } = pair;
  const gate = Promise.withResolvers<undefined>();
  plane.on('first', async () => {
    await gate.promise;
    return {};
  });
  plane.on('short', async (_step, events) => {
    await events({ type: 'stdout', text: 'short' });
    return {};
  });
  await submit(a, 'first');
  const id = await submit(a, 'short');
  const headers = { accept: 'text/event-stream' };
  const live = b.call('GET', `/api/v1/executions/${id}/logs`, { headers });
  const text = await live.then(async (answer) => {
    gate.resolve(undefined);
    return answer.text();
  });
  const replayed = await (await b.call('GET', `/api/v1/executions/${id}/logs`, { headers })).text();
  assert.match(text, /^id: 3\nevent: stdout$/m);
  assert.equal(text, replayed);
});

test('each cancels executions of the other, and the outcome is recorded once', async () => {
  await using pair = await startPair();
  const { a, b } = pair;
  const id = await submit(a, 'forever');
  const cancelled = executionResult.parse(
    await (await b.call('POST', `/api/v1/executions/${id}/cancel`)).json(),
  );
  assert.deepEqual([cancelled.status, cancelled.reason], ['cancelled', 'cancelled']);
  await until(async () => (await read(a, id)).status === 'cancelled');
  assert.equal(await recordedOutcomes(a, id), 1);
});

test('a session of one can be used, paused, resumed and ended through the other', async () => {
  await using pair = await startPair();
  const { a, b, plane } = pair;
  const made = session.parse(await (await a.call('POST', '/api/v1/sessions', { json: {} })).json());
  const path = `/api/v1/sessions/${made.session_id}`;
  const step = async (server: Started) =>
    executionResult.parse(
      await (await server.call('POST', `${path}/execute`, { json: { code: 'x' } })).json(),
    );
  assert.equal((await step(b)).status, 'succeeded');
  assert.equal((await b.call('PUT', `${path}/files/f`, { body: 'written by b' })).status, 201);
  assert.equal(await (await a.call('GET', `${path}/files/f`)).text(), 'written by b');
  const running = await submit(a, 'forever', `${path}/execute`);
  assert.equal((await b.call('POST', `${path}/pause`)).status, 409, 'it is busy');
  await b.call('POST', `/api/v1/executions/${running}/cancel`);
  assert.equal((await b.call('POST', `${path}/pause`)).status, 200);
  assert.equal((await a.call('POST', `${path}/execute`, { json: { code: 'x' } })).status, 409);
  assert.equal((await a.call('POST', `${path}/resume`)).status, 200);
  assert.equal((await step(b)).status, 'succeeded');
  assert.equal((await b.call('POST', `${path}/terminate`)).status, 200);
  assert.equal(session.parse(await (await a.call('GET', path)).json()).status, 'terminated');
  assert.equal(plane.plane.sandboxes.size, 0);
});

test('after one crashes, the other records every outcome exactly once', async () => {
  await using pair = await startPair();
  const { a, b, plane } = pair;
  const gate = Promise.withResolvers<undefined>();
  plane.on('waits', async (_step, events) => {
    await gate.promise;
    await events({ type: 'stdout', text: 'kept' });
    return {};
  });
  const ids = await Promise.all(Array.from({ length: 5 }, () => submit(a, 'waits')));
  const ofB = await submit(b, 'waits');
  pair.drop(a);
  gate.resolve(undefined);
  for (const id of [...ids, ofB]) {
    await until(async () => (await read(b, id)).status === 'succeeded');
    assert.equal((await read(b, id)).stdout, 'kept');
    assert.equal(await recordedOutcomes(b, id), 1);
  }
  await until(async () => (await plane.executions()).length === 0);
});

test('one idempotency key creates one resource, whichever of them gets the request', async () => {
  await using pair = await startPair();
  const { a, b, plane } = pair;
  const gate = Promise.withResolvers<undefined>();
  plane.on('once', async () => {
    await gate.promise;
    return {};
  });
  const headers = { 'idempotency-key': 'k', prefer: 'respond-async' };
  const json = { code: 'once', language: 'python' };
  const answers = await Promise.all(
    [a, b, a, b].map(async (server) => {
      const answer = await server.call('POST', '/api/v1/jobs', { json, headers });
      return ((await answer.json()) as { execution_id: string }).execution_id;
    }),
  );
  assert.equal(new Set(answers).size, 1);
  await until(() => plane.steps.length > 0);
  gate.resolve(undefined);
  await until(async () => (await read(b, answers[0] ?? '')).status === 'succeeded');
  assert.equal(plane.steps.length, 1);
});

test('a requested reconciliation reports its changes', async () => {
  await using pair = await startPair();
  const { a, plane } = pair;
  const request = { ...sandboxWithoutSession(), id: 'sbx_00000000000000000000000000000000' as never };
  await plane.createSandbox(request, 60_000, new AbortController().signal);
  const answer = await a.call('POST', '/api/v1/health/sync');
  assert.equal(answer.status, 200);
  await until(() => plane.plane.sandboxes.size === 0);
});

function sandboxWithoutSession() {
  return {
    tenantId: 'ten_00000000000000000000000000000000' as never,
    templateId: 'python',
    isolation: 'container',
    resources: { cpuMillicores: 1, memoryBytes: 1, diskBytes: 1, pids: 1 },
    env: {},
    isolationScope: 'sandbox',
    quota: { kind: 'session', limit: 1 },
  } as const;
}
