import assert from 'node:assert/strict';
import type { IncomingMessage } from 'node:http';
import { text } from 'node:stream/consumers';
import { test } from 'node:test';
import { health } from '@caisson/protocol/api';
import { ApiError } from '../api-error.ts';
import { serveFake } from '../server.testing.ts';
import { readBytes } from './read-body.ts';
import { Transport } from './transport.ts';

const HEALTH = { method: 'GET', path: '/api/v1/health' } as const;
const OK = JSON.stringify({ status: 'ok', version: '1' });

test("a refusal has the server's own words, and the key is sent", async () => {
  let authorization: string | undefined;
  await using server = await serveFake((request, response) => {
    authorization = request.headers.authorization;
    response.writeHead(429, { 'content-type': 'application/problem+json', 'retry-after': '2' }).end(
      JSON.stringify({
        type: '/docs/errors#queue_full',
        title: 'Queue full',
        status: 429,
        code: 'queue_full',
        detail: 'queue: 5 executions are already waiting',
        suggestion: 'Try again in 2 seconds.',
        errors: [{ field: 'queue', message: 'is full' }],
        request_id: 'req_1',
      }),
    );
  });
  await assert.rejects(new Transport(server).json(HEALTH, health), (error) => {
    assert.ok(error instanceof ApiError);
    assert.equal(error.message, 'queue: 5 executions are already waiting');
    assert.deepEqual(
      [error.code, error.status, error.suggestion, error.requestId, error.retryAfterSeconds],
      ['queue_full', 429, 'Try again in 2 seconds.', 'req_1', 2],
    );
    assert.deepEqual(error.fields, [{ field: 'queue', message: 'is full' }]);
    return true;
  });
  assert.equal(authorization, 'Bearer the-key');
});

test('a server that is not Caisson, moved or gone is reported as such', async () => {
  const answers: [number, string, RegExp][] = [
    [200, '<html>', /JSON; is it Caisson\?/],
    [200, '{"status": "excellent"}', /does not understand/],
    [500, '<html>', /answered 500; is it Caisson\?/],
  ];
  for (const [status, body, message] of answers) {
    await using other = await serveFake((_request, response) => response.writeHead(status).end(body));
    await assert.rejects(new Transport(other).json(HEALTH, health), { code: 'unexpected_response', message });
  }
  await using moved = await serveFake((_request, response) =>
    response.writeHead(302, { location: 'http://example.invalid/' }).end(),
  );
  await assert.rejects(new Transport(moved).json(HEALTH, health), { code: 'connection_failed' });
  const gone = await serveFake(() => undefined);
  await gone[Symbol.asyncDispose]();
  await assert.rejects(new Transport(gone).json(HEALTH, health), {
    code: 'connection_failed',
    message: /cannot reach .*: nothing listens there/,
  });
});

test('an answer that does not come, or not in full, ends at the deadline', async () => {
  await using silent = await serveFake(() => undefined);
  await assert.rejects(new Transport(silent).json(HEALTH, health, { timeoutMs: 30 }), {
    code: 'deadline_exceeded',
    message: /within 0.03 seconds/,
  });
  await using half = await serveFake((_request, response) => response.writeHead(200).write('{"sta'));
  await assert.rejects(new Transport({ ...half, timeoutMs: 100 }).json(HEALTH, health), {
    code: 'deadline_exceeded',
  });
});

test("an abort of the caller's signal is thrown as it is", async () => {
  await using silent = await serveFake(() => undefined);
  const abort = new AbortController();
  const call = new Transport(silent).json(HEALTH, health, { signal: abort.signal });
  abort.abort(new Error('enough'));
  await assert.rejects(call, { name: 'Error', message: 'enough' });
});

test('no more of an answer is read than the limit, and the connection is closed', async () => {
  let closed: Promise<unknown> | undefined;
  await using server = await serveFake((request, response) => {
    closed = new Promise((resolve) => request.socket.once('close', resolve));
    const send = (): void => {
      while (!response.destroyed && response.write('x'.repeat(65_536)));
    };
    response.writeHead(200).on('drain', send);
    send();
  });
  const reading = new Transport(server).call(HEALTH, undefined, (response) => readBytes(response, 1000));
  await assert.rejects(reading, { code: 'response_too_large' });
  await closed;
});

test('a server below a path of a proxy is reached there, and nothing else is taken for a server', async () => {
  const urls: (string | undefined)[] = [];
  await using server = await serveFake((request, response) => {
    urls.push(request.url);
    response.end(OK);
  });
  for (const path of ['', '/caisson', '/caisson/?key=1#top']) {
    await new Transport({ url: new URL(path, server.url) }).json(HEALTH, health);
  }
  assert.deepEqual(urls, ['/api/v1/health', '/caisson/api/v1/health', '/caisson/api/v1/health']);
  for (const url of ['ftp://127.0.0.1', 'here', 'file:///etc/passwd']) {
    assert.throws(() => new Transport({ url }), TypeError, url);
  }
});

test('bodies of all kinds arrive as they are', async () => {
  const received: [string | undefined, string][] = [];
  const receive = async (request: IncomingMessage) => {
    received.push([request.headers['content-type'], await text(request)]);
  };
  await using server = await serveFake((request, response) => {
    receive(request).then(
      () => response.end(OK),
      (error: unknown) => response.destroy(error as Error),
    );
  });
  const transport = new Transport(server);
  const put = async (body: string | Uint8Array | Blob | ReadableStream<Uint8Array>) =>
    transport.json({ method: 'PUT', path: '/x', body }, health);
  const bytes = new TextEncoder().encode('bytes');
  await put('text');
  await put(bytes);
  await put(new Blob(['blob']));
  await put(new Blob(['stream']).stream());
  await transport.json({ method: 'POST', path: '/x', json: { a: 1 } }, health);
  assert.deepEqual(
    received.map(([, body]) => body),
    ['text', 'bytes', 'blob', 'stream', '{"a":1}'],
  );
  assert.equal(received.at(-1)?.[0], 'application/json');
});
