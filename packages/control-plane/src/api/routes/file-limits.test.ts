import assert from 'node:assert/strict';
import { once } from 'node:events';
import { connect } from 'node:net';
import { test } from 'node:test';
import { auditList, problemSchema } from '@caisson/protocol/api';
import pino from 'pino';
import { start, until } from '../../testing/start.ts';
import type { Started, StartOptions } from '../../testing/start.ts';

/** A server with one session, the URL of its files, and their fake. */
async function startWithFiles(options: StartOptions) {
  const server = await start(options);
  const answer = await server.call('POST', '/api/v1/sessions', { json: {} });
  const { session_id } = (await answer.json()) as { session_id: string };
  const [sandbox] = server.plane.plane.sandboxes.values();
  assert.ok(sandbox);
  const [files, url] = [sandbox.files, `/api/v1/sessions/${session_id}/files`];
  return { server, files, url, [Symbol.asyncDispose]: () => server[Symbol.asyncDispose]() };
}

function untilAborted(signal: AbortSignal): Promise<void> {
  return new Promise((_resolve, reject) => {
    signal.addEventListener('abort', () => {
      reject(signal.reason as Error);
    });
  });
}

/** Sends a request and reads nothing of the answer. */
function sendAndIgnore(server: Started, method: string, path: string) {
  const { hostname, port } = new URL(server.url);
  const socket = connect(Number(port), hostname).pause();
  socket.write(`${method} ${path} HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer ${server.key}\r\n\r\n`);
  socket.on('error', () => undefined);
  return socket;
}

test('a slow file operation is answered as unfinished, and a deletion is still recorded', async () => {
  await using started = await startWithFiles({ config: { fileOperationTimeoutMs: 50 } });
  const { server, files, url } = started;
  files.before = untilAborted;
  for (const [method, path, detail] of [
    ['GET', '', /^path: could not list "\/workspace"/],
    ['DELETE', '/large', /^path: could not delete "large"/],
  ] as const) {
    const answer = await server.call(method, url + path);
    const problem = problemSchema.parse(await answer.json());
    assert.deepEqual([answer.status, problem.code], [409, 'file_operation_unfinished']);
    assert.match(problem.detail, detail);
  }
  const trail = auditList.parse(await (await server.call('GET', '/api/v1/audit?limit=1')).json());
  assert.deepEqual(
    trail.items.map(({ action, details }) => [action, details]),
    [['file.deleted', { path: 'large', reason: 'unfinished' }]],
  );
});

test('file operations beyond the queue are refused, and queued ones get their turn', async () => {
  await using started = await startWithFiles({
    config: { maxFileOperationsPerSession: 1, maxWaitingFileOperationsPerTenant: 1 },
  });
  const { server, files, url } = started;
  const gate: PromiseWithResolvers<void> = Promise.withResolvers();
  let begun = 0;
  files.before = () => {
    begun += 1;
    return gate.promise;
  };
  const first = server.call('GET', url);
  await until(() => begun === 1);
  const answers = await Promise.all([
    Promise.race([server.call('GET', url), server.call('GET', url)]).then((refused) => {
      gate.resolve();
      return refused;
    }),
    first,
  ]);
  const [refused, listed] = answers;
  assert.equal(refused.status, 429);
  assert.equal(refused.headers.get('retry-after'), '1');
  assert.equal(problemSchema.parse(await refused.json()).code, 'file_operations_limit_reached');
  assert.equal(listed.status, 200);
  await until(() => begun === 2);
});

test('a stalled reader takes up a download until it is disconnected', async () => {
  await using started = await startWithFiles({
    config: { maxFileTransfersPerTenant: 1, stalledReaderMs: 300 },
  });
  const { server, files, url } = started;
  files.contents.set('large', Buffer.alloc(64 * 2 ** 20));
  files.contents.set('small', Buffer.from('x'));
  const socket = sendAndIgnore(server, 'GET', `${url}/large`);
  const small = async () => server.call('GET', `${url}/small`);
  const refusals: unknown[] = [];
  await until(async () => {
    const answer = await small();
    if (answer.status === 429) refusals.push(problemSchema.parse(await answer.json()).code);
    return refusals.length > 0;
  });
  assert.deepEqual(refusals, ['file_transfers_limit_reached']);
  await until(async () => (await small()).status === 200);
  socket.destroy();
});

test('every download and upload frees its slot', async () => {
  await using started = await startWithFiles({ config: { maxFileTransfersPerTenant: 1 } });
  const { server, url } = started;
  const requests: [string, string, number][] = [
    ['PUT', '/a', 201],
    ['GET', '/a', 200],
    ['GET', '/none', 404],
    ['PUT', '/a', 200],
    ['GET', '/a', 200],
  ];
  for (const [method, path, status] of requests) {
    let answer = await server.call(method, url + path, method === 'PUT' ? { body: 'x' } : {});
    await answer.text();
    // The last bytes of an answer arrive a moment before its slot is free.
    await until(async () => {
      if (answer.status !== 429) return true;
      answer = await server.call(method, url + path, method === 'PUT' ? { body: 'x' } : {});
      await answer.text();
      return false;
    });
    assert.equal(answer.status, status, `${method} ${path}`);
  }
});

test('a disconnected caller is not logged as a server error', async () => {
  const lines: string[] = [];
  const logger = pino({ level: 'info' }, { write: (line: string) => lines.push(line) });
  await using started = await startWithFiles({ logger });
  const { server, files, url } = started;
  let begun = false;
  files.before = (signal) => {
    begun = true;
    return untilAborted(signal);
  };
  const socket = sendAndIgnore(server, 'DELETE', `${url}/large`);
  await until(() => begun);
  socket.destroy();
  await once(socket, 'close');
  const recorded = async () =>
    (await (await server.call('GET', '/api/v1/audit?limit=1')).text()).includes('unfinished');
  await until(recorded);
  assert.deepEqual(
    lines.filter((line) => line.includes('request failed')),
    [],
  );
});
