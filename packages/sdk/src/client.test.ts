import assert from 'node:assert/strict';
import { json } from 'node:stream/consumers';
import { test } from 'node:test';
import { type ExecutionSummary, newExecutionId, newSessionId } from '@caisson/protocol/api';
import { anExecution, aSession } from '../../../tests/support/api-values.ts';
import { CaissonClient } from './client.ts';
import { frame, serveFake } from './server.testing.ts';

test('a job that runs to its end is its result', async () => {
  const execution = anExecution({ stdout: 'hello\n' });
  const requests: unknown[] = [];
  await using server = await serveFake((request, response) => {
    const { method, url, headers } = request;
    json(request).then(
      (body) => {
        requests.push([method, url, headers['idempotency-key'], headers.accept, body]);
        response
          .writeHead(200, { location: `/api/v1/executions/${execution.execution_id}` })
          .end(frame(1, 'stdout', { text: 'hello\n' }) + frame(2, 'finished', { execution }));
      },
      (error: unknown) => response.destroy(error as Error),
    );
  });
  const client = new CaissonClient(server);
  const job = { code: 'print("hello")', language: 'python' } as const;
  assert.deepEqual(await client.jobs.run(job, { idempotencyKey: 'once' }), execution);
  assert.deepEqual(requests, [['POST', '/api/v1/jobs', 'once', 'text/event-stream', job]]);
});

test(
  'an abort cancels what runs to its end, even if it comes before the id',
  { timeout: 20_000 },
  async () => {
    for (const early of [true, false]) {
      const id = newExecutionId();
      const abort = new AbortController();
      const cancelled = Promise.withResolvers<string | undefined>();
      await using server = await serveFake((request, response) => {
        if (request.url?.endsWith('/cancel') === true) {
          cancelled.resolve(request.url);
          response.end(JSON.stringify(anExecution({ status: 'cancelled', reason: 'cancelled' })));
          return;
        }
        if (early) abort.abort(new Error('enough'));
        response.writeHead(200, { location: `/api/v1/executions/${id}` });
        response.write(frame(1, 'stdout', { text: 'a' }));
      });
      const whenRead = new TransformStream<Uint8Array, Uint8Array>({
        transform: (chunk, controller) => {
          controller.enqueue(chunk);
          abort.abort(new Error('enough'));
        },
      });
      const aborting: typeof fetch = async (url, init) => {
        const response = await fetch(url, init);
        const first = response.headers.has('location');
        return new Response(first ? response.body?.pipeThrough(whenRead) : response.body, response);
      };
      const client = new CaissonClient({ ...server, fetch: early ? fetch : aborting });
      const running = client.sessions.execute(newSessionId(), { code: '1' }, { signal: abort.signal });
      await assert.rejects(running, { message: 'enough' });
      assert.equal(await cancelled.promise, `/api/v1/executions/${id}/cancel`);
    }
  },
);

test('a list goes through all pages, and keeps the filter', async () => {
  const urls: (string | undefined)[] = [];
  const items: ExecutionSummary[] = [anExecution({}), anExecution({}), anExecution({})];
  await using server = await serveFake((request, response) => {
    urls.push(request.url);
    const page = urls.length;
    response.end(
      JSON.stringify({ items: items.slice(page - 1, page), next_cursor: page < 3 ? `c${page}` : null }),
    );
  });
  const all = await Array.fromAsync(
    new CaissonClient(server).executions.listAll({ status: 'succeeded', limit: 1 }),
  );
  assert.deepEqual(
    all.map(({ execution_id: id }) => id),
    items.map(({ execution_id: id }) => id),
  );
  const list = '/api/v1/executions?status=succeeded&limit=1';
  assert.deepEqual(urls, [list, `${list}&cursor=c1`, `${list}&cursor=c2`]);
});

test('each call on a session is the request that the API has for it', async () => {
  const requests: (string | undefined)[] = [];
  const session = aSession({});
  await using server = await serveFake((request, response) => {
    requests.push(`${request.method ?? ''} ${request.url ?? ''}`);
    if (request.method === 'DELETE') response.writeHead(204).end();
    else response.end(JSON.stringify(session));
  });
  const { sessions } = new CaissonClient(server);
  const { session_id: id } = await sessions.create({ template_id: 'python' });
  for (const call of ['get', 'pause', 'resume', 'extend'] as const) {
    assert.deepEqual(await sessions[call](id), session);
  }
  await sessions.terminate(id);
  assert.deepEqual(requests, [
    'POST /api/v1/sessions',
    `GET /api/v1/sessions/${id}`,
    `POST /api/v1/sessions/${id}/pause`,
    `POST /api/v1/sessions/${id}/resume`,
    `POST /api/v1/sessions/${id}/extend`,
    `DELETE /api/v1/sessions/${id}`,
  ]);
});

test('no id and no path of a file leads to another endpoint', async () => {
  const urls: (string | undefined)[] = [];
  await using server = await serveFake((request, response) => {
    urls.push(request.url);
    response.writeHead(204).end();
  });
  const client = new CaissonClient(server);
  const id = newSessionId();
  for (const bad of ['', '..', `${id}/pause`, `${id}?`, newExecutionId()]) {
    await assert.rejects(client.sessions.terminate(bad), { code: 'validation_failed' }, bad);
    await assert.rejects(client.executions.get(`${bad}/`), { code: 'validation_failed' }, bad);
  }
  for (const bad of ['..', '../../pause', 'a/../../b', '/etc/passwd', 'a\0b', '\ud800']) {
    await assert.rejects(client.files.delete(id, bad), { code: 'validation_failed' }, bad);
  }
  assert.deepEqual(urls, []);
  for (const path of ['%2e%2e/%2E%2e', 'a?b#c/d e', '/workspace/ü/./x', 'a//...', '\\..\\x']) {
    await client.files.delete(id, path);
  }
  const files = `/api/v1/sessions/${id}/files`;
  assert.deepEqual(urls, [
    `${files}/%252e%252e/%252E%252e`,
    `${files}/a%3Fb%23c/d%20e`,
    `${files}/%C3%BC/x`,
    `${files}/a/...`,
    `${files}/%5C..%5Cx`,
  ]);
});
