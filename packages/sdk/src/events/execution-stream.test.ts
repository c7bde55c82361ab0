import assert from 'node:assert/strict';
import { test } from 'node:test';
import { newExecutionId } from '@caisson/protocol/api';
import { anExecution } from '../../../../tests/support/api-values.ts';
import { Transport } from '../http/transport.ts';
import { type FakeServer, frame, serveFake } from '../server.testing.ts';
import { startExecution } from './execution-stream.ts';

const JOB = { method: 'POST', path: '/api/v1/jobs', json: { code: 'print(1)' } } as const;

const start = async (server: FakeServer) =>
  startExecution(new Transport(server), JOB, { signal: AbortSignal.timeout(30_000) });

test('a connection that is lost is resumed after the last event', async () => {
  const id = newExecutionId();
  const requests: (string | undefined)[] = [];
  await using server = await serveFake((request, response) => {
    const after = request.headers['last-event-id'];
    requests.push(`${request.method ?? ''} ${request.url ?? ''} ${after?.toString() ?? ''}`);
    response.writeHead(200, { 'content-type': 'text/event-stream', location: `/api/v1/executions/${id}` });
    if (after === undefined) {
      response.write(
        `${frame(1, 'stdout', { text: 'a' })}${frame(2, 'from_the_future', {})}id: 3\ndata: {"te`,
        () => response.destroy(),
      );
    } else {
      response.end(frame(3, 'stdout', { text: 'b' }) + frame(4, 'finished', { execution: anExecution({}) }));
    }
  });
  const stream = await start(server);
  const events = await Array.fromAsync(stream.events);
  assert.equal(stream.id, id);
  assert.deepEqual(
    events.map((event) => (event.type === 'stdout' ? event.text : event.type)),
    ['a', 'b', 'finished'],
  );
  assert.deepEqual(requests, ['POST /api/v1/jobs ', `GET /api/v1/executions/${id}/logs 2`]);
});

test('a server that loses the connection again and again is given up, with the id to look for', async () => {
  const id = newExecutionId();
  let requests = 0;
  await using server = await serveFake((_request, response) => {
    requests++;
    response.writeHead(200, { 'content-type': 'text/event-stream', location: `/api/v1/executions/${id}` });
    response.flushHeaders();
    response.destroy();
  });
  const stream = await start(server);
  await assert.rejects(Array.fromAsync(stream.events), {
    code: 'connection_lost',
    message: new RegExp(`lost; the execution is ${id}`),
  });
  assert.equal(requests, 6);
});

test('a refusal to resume is final where waiting cannot help, and passing where it can', async () => {
  const id = newExecutionId();
  const statuses = [503, 404];
  let requests = 0;
  await using server = await serveFake((request, response) => {
    requests++;
    if (request.method === 'GET') {
      const status = statuses.shift() ?? 500;
      const problem = { type: '/docs/errors#x', title: 'x', status, code: `code_${status}`, detail: 'x' };
      response.writeHead(status).end(JSON.stringify(problem));
      return;
    }
    response.writeHead(200, { location: `/api/v1/executions/${id}` });
    response.flushHeaders();
    response.destroy();
  });
  const stream = await start(server);
  await assert.rejects(Array.fromAsync(stream.events), { code: 'code_404', status: 404 });
  assert.equal(requests, 3);
});

test('an event of a known type that cannot be read is an error, and is not skipped', async () => {
  const id = newExecutionId();
  for (const broken of [frame(1, 'finished', { execution: 1 }), 'event: stdout\ndata: {"te\n\n']) {
    let requests = 0;
    await using server = await serveFake((_request, response) => {
      requests++;
      response.writeHead(200, { location: `/api/v1/executions/${id}` }).end(broken);
    });
    const stream = await start(server);
    await assert.rejects(Array.fromAsync(stream.events), { code: 'unexpected_response' });
    assert.equal(requests, 1);
  }
});

test('an abort ends the following at once, with the reason of the abort', async () => {
  await using server = await serveFake((_request, response) => {
    response.writeHead(200, { location: `/api/v1/executions/${newExecutionId()}` });
    response.write(frame(1, 'stdout', { text: 'a' }));
  });
  const abort = new AbortController();
  const { events } = await startExecution(new Transport(server), JOB, { signal: abort.signal });
  await events.next();
  const next = events.next();
  abort.abort(new Error('enough'));
  await assert.rejects(next, { message: 'enough' });
});
