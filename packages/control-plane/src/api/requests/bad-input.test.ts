import assert from 'node:assert/strict';
import { once } from 'node:events';
import { request } from 'node:http';
import { connect } from 'node:net';
import { text } from 'node:stream/consumers';
import { after, before, test } from 'node:test';
import { newExecutionId, newSessionId, problemSchema } from '@caisson/protocol/api';
import { start } from '../../testing/start.ts';
import type { Started } from '../../testing/start.ts';

let server: Started;
let session: string;

before(async () => {
  server = await start({ config: { bodyTimeoutMs: 300 } });
  const answer = await server.call('POST', '/api/v1/sessions', { json: {} });
  session = ((await answer.json()) as { session_id: string }).session_id;
});

after(() => server[Symbol.asyncDispose]());

interface Sent {
  readonly method?: string;
  /** Sent unchanged: `fetch` would normalize it. `SES` is replaced by the id of a live session. */
  readonly path: string;
  readonly body?: string | Buffer;
  readonly headers?: Record<string, string>;
}

function send({
  method = 'POST',
  path,
  body,
  headers,
}: Sent): Promise<{ status: number; type: string; body: string }> {
  const { hostname, port } = new URL(server.url);
  return new Promise((resolve, reject) => {
    const sent = request(
      {
        hostname,
        port,
        method,
        path: path.replace('SES', session),
        headers: {
          authorization: `Bearer ${server.key}`,
          ...(body !== undefined && { 'content-type': 'application/json' }),
          ...headers,
        },
      },
      (answer) => {
        text(answer).then((received) => {
          resolve({
            status: answer.statusCode ?? 0,
            type: answer.headers['content-type'] ?? '',
            body: received,
          });
        }, reject);
      },
    );
    sent.once('error', reject);
    sent.end(body);
  });
}

const json = (value: unknown) => JSON.stringify(value);
const job = (fields: object) => ({ path: '/api/v1/jobs', body: json({ code: 'x', ...fields }) });
const create = (fields: object) => ({ path: '/api/v1/sessions', body: json(fields) });
const unknownSession = newSessionId();
const unknownExecution = newExecutionId();

/** The request, and the expected status, code, and field named in the detail. */
const TABLE: [name: string, sent: Sent, status: number, code: string, field: RegExp][] = [
  ['no body', { path: '/api/v1/jobs' }, 422, 'validation_failed', /^code: /],
  ['an empty body', { path: '/api/v1/jobs', body: '' }, 400, 'malformed_json', /^body: is empty/],
  ['half of a body', { path: '/api/v1/jobs', body: '{"code": ' }, 400, 'malformed_json', /^body: /],
  [
    'broken UTF-8',
    { path: '/api/v1/jobs', body: Buffer.from('{"code":"\xff"}', 'latin1') },
    400,
    'invalid_utf8',
    /^body: /,
  ],
  ['a list as body', { path: '/api/v1/jobs', body: '[]' }, 422, 'validation_failed', /^body: /],
  ['null as body', { path: '/api/v1/jobs', body: 'null' }, 422, 'validation_failed', /^body: /],
  ['a number as code', job({ code: 5 }), 422, 'validation_failed', /^code: /],
  ['a null byte in the code', job({ code: 'a\0b' }), 422, 'validation_failed', /^code: .*null byte/],
  [
    'a lone surrogate',
    { path: '/api/v1/jobs', body: '{"code":"\\ud800"}' },
    422,
    'validation_failed',
    /^code: /,
  ],
  ['an unknown field', job({ cod: 1 }), 422, 'validation_failed', /^cod: is not a field/],
  ['an unknown language', job({ language: 'cobol' }), 422, 'validation_failed', /^language: /],
  [
    'a language that the template lacks',
    job({ language: 'javascript', template_id: 'python' }),
    422,
    'language_not_in_template',
    /^language: /,
  ],
  ['an unknown template', job({ template_id: 'nope' }), 422, 'template_not_found', /^template_id: /],
  ['a negative timeout', job({ timeout: -1 }), 422, 'validation_failed', /^timeout: /],
  ['a timeout that is text', job({ timeout: '5' }), 422, 'validation_failed', /^timeout: /],
  [
    'an endless timeout',
    { path: '/api/v1/jobs', body: '{"code":"x","timeout":1e999}' },
    422,
    'validation_failed',
    /^timeout: /,
  ],
  [
    'too much memory',
    job({ resources: { memory: '9000Gi' } }),
    422,
    'validation_failed',
    /^resources\.memory: /,
  ],
  ['a wrong quantity', job({ resources: { cpu: 'lots' } }), 422, 'validation_failed', /^resources\.cpu: /],
  [
    'a wrong name of a variable',
    job({ env_vars: { 'A-B': 'x' } }),
    422,
    'validation_failed',
    /^env_vars\.A-B: /,
  ],
  ['a number as variable', job({ env_vars: { A: 1 } }), 422, 'validation_failed', /^env_vars\.A: /],
  [
    'a key that sets a prototype',
    { path: '/api/v1/jobs', body: '{"code":"x","event":{"__proto__":{}}}' },
    422,
    'validation_failed',
    /^event: .*__proto__/,
  ],
  [
    'an event nested too deep',
    { path: '/api/v1/jobs', body: `{"code":"x","event":${'['.repeat(90_000)}${']'.repeat(90_000)}}` },
    422,
    'validation_failed',
    /^event: .*nested/,
  ],
  [
    'a body that is too large',
    { path: '/api/v1/jobs', body: json({ code: 'x'.repeat(5 * 2 ** 20) }) },
    413,
    'body_too_large',
    /^body: /,
  ],
  [
    'a body of 100 MB',
    { path: '/api/v1/jobs', body: Buffer.alloc(100 * 2 ** 20, 32) },
    413,
    'body_too_large',
    /^body: /,
  ],
  [
    'a body of 100 MB in chunks',
    {
      path: '/api/v1/jobs',
      body: Buffer.alloc(100 * 2 ** 20, 32),
      headers: { 'transfer-encoding': 'chunked' },
    },
    413,
    'body_too_large',
    /^body: /,
  ],
  [
    'a body of another type',
    {
      path: '/api/v1/jobs',
      body: 'code=1',
      headers: { 'content-type': 'application/x-www-form-urlencoded' },
    },
    415,
    'unsupported_media_type',
    /^content-type: /,
  ],
  [
    'a content type that is none',
    { path: '/api/v1/jobs', body: '{}', headers: { 'content-type': 'rubbish' } },
    415,
    'unsupported_media_type',
    /^content-type: /,
  ],
  [
    'a wrong idempotency key',
    { ...job({}), headers: { 'idempotency-key': 'a b' } },
    422,
    'validation_failed',
    /^idempotency-key: /,
  ],
  ['a session for ever', create({ timeout: 1e9 }), 422, 'validation_failed', /^timeout: /],
  [
    'an unknown template of a session',
    create({ template_id: 'nope' }),
    422,
    'template_not_found',
    /^template_id: /,
  ],
  ['metadata that is nested', create({ metadata: { a: {} } }), 422, 'validation_failed', /^metadata\.a: /],
  [
    'an unknown session',
    { path: `/api/v1/sessions/${unknownSession}/execute`, body: json({ code: 'x' }) },
    404,
    'session_not_found',
    /^session_id: /,
  ],
  [
    'a malformed id of a session',
    { method: 'GET', path: '/api/v1/sessions/abc' },
    404,
    'session_not_found',
    /^session_id: /,
  ],
  [
    'a very long id of a session',
    { method: 'GET', path: `/api/v1/sessions/${'a'.repeat(5000)}` },
    404,
    'session_not_found',
    /^session_id: /,
  ],
  [
    'an unknown execution',
    { method: 'GET', path: `/api/v1/executions/${unknownExecution}` },
    404,
    'execution_not_found',
    /^execution_id: /,
  ],
  [
    'a malformed id of an execution',
    { path: '/api/v1/executions/%2e%2e/cancel' },
    404,
    'execution_not_found',
    /^execution_id: /,
  ],
  [
    'a limit that is text',
    { method: 'GET', path: '/api/v1/executions?limit=x' },
    422,
    'validation_failed',
    /^limit: /,
  ],
  [
    'a limit of nothing',
    { method: 'GET', path: '/api/v1/sessions?limit=0' },
    422,
    'validation_failed',
    /^limit: /,
  ],
  [
    'a limit given twice',
    { method: 'GET', path: '/api/v1/sessions?status=x&status=y' },
    422,
    'validation_failed',
    /^status: /,
  ],
  [
    'an unknown status',
    { method: 'GET', path: '/api/v1/executions?status=odd' },
    422,
    'validation_failed',
    /^status: /,
  ],
  [
    'a cursor that is none',
    { method: 'GET', path: '/api/v1/executions?cursor=%20%20' },
    422,
    'validation_failed',
    /^cursor: /,
  ],
  [
    'broken UTF-8 in the query',
    { method: 'GET', path: '/api/v1/sessions/SES/files?path=%ff' },
    400,
    'invalid_utf8',
    /^path: /,
  ],
  [
    'a way out in the query',
    { method: 'GET', path: '/api/v1/sessions/SES/files?path=../etc' },
    422,
    'validation_failed',
    /^path: .*"\.\."/,
  ],
  [
    'a way out in a path',
    { method: 'GET', path: '/api/v1/sessions/SES/files/../../etc/passwd' },
    422,
    'validation_failed',
    /^path: .*"\.\."/,
  ],
  [
    'an encoded way out',
    { method: 'GET', path: '/api/v1/sessions/SES/files/%2e%2e/x' },
    422,
    'validation_failed',
    /^path: .*"\.\."/,
  ],
  [
    'a way out with an encoded slash',
    { method: 'GET', path: '/api/v1/sessions/SES/files/a%2f..%2f..%2fx' },
    422,
    'validation_failed',
    /^path: .*"\.\."/,
  ],
  [
    'an absolute path',
    { method: 'GET', path: '/api/v1/sessions/SES/files/%2fetc/passwd' },
    422,
    'validation_failed',
    /^path: /,
  ],
  [
    'a null byte in a path',
    { method: 'PUT', path: '/api/v1/sessions/SES/files/a%00b', body: 'x' },
    422,
    'validation_failed',
    /^path: .*null byte/,
  ],
  [
    'broken UTF-8 in a path',
    { method: 'GET', path: '/api/v1/sessions/SES/files/%ff' },
    400,
    'invalid_utf8',
    /^path: /,
  ],
  [
    'a broken escape in a path',
    { method: 'GET', path: '/api/v1/sessions/SES/files/%zz' },
    422,
    'validation_failed',
    /^path: .*hexadecimal/,
  ],
  [
    'a file that is not there',
    { method: 'GET', path: '/api/v1/sessions/SES/files/nope' },
    404,
    'file_not_found',
    /^path: /,
  ],
  [
    'a path that was encoded twice',
    { method: 'GET', path: '/api/v1/sessions/SES/files/%252e%252e' },
    404,
    'file_not_found',
    /"%2e%2e"/,
  ],
  [
    'an upload that is no form',
    { path: '/api/v1/sessions/SES/files/upload', body: '{}' },
    415,
    'unsupported_media_type',
    /^content-type: /,
  ],
  [
    'an upload without files',
    {
      path: '/api/v1/sessions/SES/files/upload',
      body: '--b--\r\n',
      headers: { 'content-type': 'multipart/form-data; boundary=b' },
    },
    422,
    'validation_failed',
    /^body: /,
  ],
  [
    'an upload that ends early',
    {
      path: '/api/v1/sessions/SES/files/upload',
      body: '--b\r\nContent-Disposition: form-data; name="f"; filename="a"\r\n\r\nabc',
      headers: { 'content-type': 'multipart/form-data; boundary=b' },
    },
    422,
    'validation_failed',
    /^body: /,
  ],
  [
    'an upload of bytes without the name of a file',
    {
      path: '/api/v1/sessions/SES/files/upload',
      body: '--b\r\nContent-Disposition: form-data; name="f"\r\nContent-Type: application/octet-stream\r\n\r\nabc\r\n--b--\r\n',
      headers: { 'content-type': 'multipart/form-data; boundary=b' },
    },
    422,
    'validation_failed',
    /^filename: /,
  ],
  [
    'an upload with a field that has no name',
    {
      path: '/api/v1/sessions/SES/files/upload',
      body: '--b\r\nContent-Disposition: form-data\r\n\r\nabc\r\n--b--\r\n',
      headers: { 'content-type': 'multipart/form-data; boundary=b' },
    },
    422,
    'validation_failed',
    /^name: /,
  ],
  [
    'an upload with a boundary of 300 characters',
    {
      path: '/api/v1/sessions/SES/files/upload',
      body: `--${'b'.repeat(300)}--\r\n`,
      headers: { 'content-type': `multipart/form-data; boundary=${'b'.repeat(300)}` },
    },
    422,
    'validation_failed',
    /^content-type: .*boundary/,
  ],
  [
    'an upload without a boundary',
    {
      path: '/api/v1/sessions/SES/files/upload',
      body: '--b--\r\n',
      headers: { 'content-type': 'multipart/form-data' },
    },
    422,
    'validation_failed',
    /^content-type: .*boundary/,
  ],
  [
    'an upload with a field of broken JSON',
    {
      path: '/api/v1/sessions/SES/files/upload',
      body: '--b\r\nContent-Disposition: form-data; name="path"\r\nContent-Type: application/json\r\n\r\n{\r\n--b--\r\n',
      headers: { 'content-type': 'multipart/form-data; boundary=b' },
    },
    422,
    'validation_failed',
    /^body: .*JSON/,
  ],
  [
    'an upload to a way out',
    {
      path: '/api/v1/sessions/SES/files/upload',
      body: '--b\r\nContent-Disposition: form-data; name="path"\r\n\r\n../x\r\n--b--\r\n',
      headers: { 'content-type': 'multipart/form-data; boundary=b' },
    },
    422,
    'validation_failed',
    /^path: .*"\.\."/,
  ],
  ['no key', { ...job({}), headers: { authorization: '' } }, 401, 'unauthenticated', /^authorization: /],
  [
    'another scheme',
    { ...job({}), headers: { authorization: 'Basic eDp5' } },
    401,
    'unauthenticated',
    /^authorization: /,
  ],
  [
    'a wrong key',
    { ...job({}), headers: { authorization: `Bearer csn_${'a'.repeat(43)}` } },
    401,
    'unauthenticated',
    /^authorization: /,
  ],
  ['an unknown endpoint', { method: 'GET', path: '/api/v1/nothing' }, 404, 'route_not_found', /^path: /],
  [
    'a method that the endpoint lacks',
    { method: 'PATCH', path: '/api/v1/jobs', body: '{}' },
    404,
    'route_not_found',
    /^path: /,
  ],
];

for (const [name, sent, status, code, field] of TABLE) {
  test(`${name} is answered with ${code}`, { timeout: 10_000 }, async () => {
    const answer = await send(sent);
    assert.equal(answer.status, status, answer.body);
    assert.match(answer.type, /^application\/problem\+json/);
    const problem = problemSchema.parse(JSON.parse(answer.body));
    assert.equal(problem.code, code, answer.body);
    assert.match(problem.detail, field);
    assert.equal(problem.status, status);
  });
}

/** Sends raw bytes, and returns the answer once the server closes the connection. */
async function sendRaw(bytes: string): Promise<string> {
  const { hostname, port } = new URL(server.url);
  const socket = connect(Number(port), hostname);
  socket.write(bytes);
  return text(socket);
}

test('headers that are too large are answered with a problem', async () => {
  const answer = await sendRaw(`GET / HTTP/1.1\r\nHost: x\r\nX-Big: ${'a'.repeat(20_000)}\r\n\r\n`);
  assert.match(answer, /^HTTP\/1\.1 431 /);
  assert.match(answer, /application\/problem\+json/);
});

test('a request that is not HTTP is answered with a problem', async () => {
  const answer = await sendRaw('hello\r\n\r\n');
  assert.match(answer, /^HTTP\/1\.1 400 /);
  assert.match(answer, /application\/problem\+json/);
});

/** Sends only the beginning of a request, and returns the beginning of the answer. */
async function stall(head: string, body: string): Promise<string> {
  const { hostname, port } = new URL(server.url);
  const socket = connect(Number(port), hostname);
  socket.write(
    `${head.replace('SES', session)} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n` +
      `Authorization: Bearer ${server.key}\r\nContent-Length: 1000\r\n${body}`,
  );
  const [first] = (await once(socket, 'data', { signal: AbortSignal.timeout(10_000) })) as [Buffer];
  socket.destroy();
  return first.toString();
}

test('a body that does not arrive is answered with a problem', async () => {
  const answer = await stall('POST /api/v1/jobs', 'Content-Type: application/json\r\n\r\n{"code"');
  assert.match(answer, /^HTTP\/1\.1 400 [^]*did not arrive/);
});

test('a stalled file upload is answered with a problem, and no file is created', async () => {
  const answer = await stall('PUT /api/v1/sessions/SES/files/half', '\r\nabc');
  assert.match(answer, /^HTTP\/1\.1 422 [^]*body: paused/);
  assert.equal((await send({ method: 'HEAD', path: '/api/v1/sessions/SES/files/half' })).status, 404);
});

test('a form that stalls between two parts, or within one, is answered with a problem', async () => {
  const type = 'Content-Type: multipart/form-data; boundary=b\r\n\r\n';
  const upload = 'POST /api/v1/sessions/SES/files/upload';
  assert.match(await stall(upload, `${type}--b\r\nContent-Disp`), /^HTTP\/1\.1 422 [^]*body: the next part/);
  const part = '--b\r\nContent-Disposition: form-data; name="f"; filename="a"\r\n\r\nabc';
  assert.match(await stall(upload, type + part), /^HTTP\/1\.1 422 [^]*body: paused/);
});

test('a body with many values is refused before it is parsed', async () => {
  await using server = await start();
  const body = `{"code":"1","event":[${'[],'.repeat(1_300_000)}[]]}`;
  const response = await server.call('POST', '/api/v1/jobs', {
    body,
    headers: { 'content-type': 'application/json' },
  });
  const { code, detail } = problemSchema.parse(await response.json());
  assert.deepEqual([response.status, code], [422, 'validation_failed']);
  assert.equal(detail, 'body: must not hold more than 100000 values and keys');
});
