import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { test } from 'node:test';
import { start } from '../../testing/start.ts';
import type { Started } from '../../testing/start.ts';

async function filesOf(server: Started): Promise<string> {
  const answer = await server.call('POST', '/api/v1/sessions', { json: {} });
  return `/api/v1/sessions/${((await answer.json()) as { session_id: string }).session_id}/files`;
}

test('files of any type and size are written, read, listed and deleted', async () => {
  await using server = await start();
  const files = await filesOf(server);
  const bytes = randomBytes(6 * 2 ** 20);
  const headers = { 'content-type': 'application/json' };
  assert.equal((await server.call('PUT', `${files}/d%20%C3%BC/a.bin`, { body: bytes, headers })).status, 201);
  assert.equal((await server.call('PUT', `${files}/d%20%C3%BC/a.bin`, { body: bytes })).status, 200);
  const read = await server.call('GET', `${files}/d%20%C3%BC/a.bin`);
  assert.deepEqual(Buffer.from(await read.arrayBuffer()), bytes);
  assert.equal(read.headers.get('content-type'), 'application/octet-stream');
  assert.equal(read.headers.get('x-content-type-options'), 'nosniff');
  const head = await server.call('HEAD', `${files}/d%20%C3%BC/a.bin`);
  assert.equal(head.headers.get('content-length'), String(bytes.length));
  const listed = await server.call('GET', `${files}?path=d%20%C3%BC&limit=1`);
  const { items } = (await listed.json()) as { items: { name: string; size_bytes: number }[] };
  assert.deepEqual(
    items.map(({ name, size_bytes }) => [name, size_bytes]),
    [['a.bin', bytes.length]],
  );
  assert.equal((await server.call('DELETE', `${files}/d%20%C3%BC/a.bin`)).status, 204);
  assert.equal((await server.call('HEAD', `${files}/d%20%C3%BC/a.bin`)).status, 404);
});

test('an empty file can be written', async () => {
  await using server = await start();
  const files = await filesOf(server);
  assert.equal((await server.call('PUT', `${files}/empty`)).status, 201);
  assert.equal(await (await server.call('GET', `${files}/empty`)).text(), '');
});

test('a file name cannot break out of its header', async () => {
  await using server = await start();
  const files = await filesOf(server);
  const name = encodeURIComponent('a";\r\nX-Evil: 1\n".html');
  await server.call('PUT', `${files}/${name}`, { body: 'x' });
  const read = await server.call('GET', `${files}/${name}`);
  assert.equal(read.headers.get('x-evil'), null);
  assert.match(
    read.headers.get('content-disposition') ?? '',
    /^attachment; filename="[\w.\- ]+"; filename\*=UTF-8''[\w.%-]+$/,
  );
});

test('a file that grows while it is read cannot forge the next answer', async () => {
  await using server = await start();
  const files = await filesOf(server);
  await server.call('PUT', `${files}/log`, { body: 'abc' });
  const [sandbox] = server.plane.plane.sandboxes.values();
  assert.ok(sandbox);
  sandbox.files.growth = Buffer.from('HTTP/1.1 200 OK\r\n\r\n');
  assert.equal(await (await server.call('GET', `${files}/log`)).text(), 'abc');
  assert.equal((await server.call('GET', '/healthz')).status, 200);
});

test('several files are uploaded at once, into a directory', async () => {
  await using server = await start();
  const files = await filesOf(server);
  const form = new FormData();
  form.append('path', 'in/put');
  form.append('file', new Blob(['one']), 'a.txt');
  form.append('file', new Blob(['two']), 'b.txt');
  const answer = await server.call('POST', `${files}/upload`, { body: form });
  assert.equal(answer.status, 201);
  const uploaded = (await answer.json()) as { files: { path: string }[] };
  assert.deepEqual(
    uploaded.files.map(({ path }) => path),
    ['in/put/a.txt', 'in/put/b.txt'],
  );
  assert.equal(await (await server.call('GET', `${files}/in/put/b.txt`)).text(), 'two');
});
