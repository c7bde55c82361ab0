import assert from 'node:assert/strict';
import { test } from 'node:test';
import { newExecutionId } from '@caisson/protocol/api';
import { anExecution } from '../results.testing.ts';
import { startExecution } from './execution-stream.ts';
import { frame, serveFake } from './server.testing.ts';

const JOB = { method: 'POST', path: '/api/v1/jobs', body: { code: 'print(1)' } } as const;
const signal = AbortSignal.timeout(30_000);

test('a connection that is lost is taken up after the last event that came', async () => {
  const id = newExecutionId();
  const requests: (string | undefined)[] = [];
  await using target = await serveFake((request, response) => {
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
  const stream = await startExecution(target, JOB, signal);
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
  await using target = await serveFake((_request, response) => {
    requests++;
    response.writeHead(200, { 'content-type': 'text/event-stream', location: `/api/v1/executions/${id}` });
    response.flushHeaders();
    response.destroy();
  });
  const stream = await startExecution(target, JOB, signal);
  await assert.rejects(Array.fromAsync(stream.events), new RegExp(`lost; the execution is ${id}`));
  assert.equal(requests, 6);
});

test("a refusal is told in the server's own words, and the key is sent", async () => {
  let authorization: string | undefined;
  await using target = await serveFake((request, response) => {
    authorization = request.headers.authorization;
    response.writeHead(429, { 'content-type': 'application/problem+json' }).end(
      JSON.stringify({
        ...{ type: '/docs/errors#queue_full', title: 'The queue is full', status: 429, code: 'queue_full' },
        ...{ detail: 'queue: 5 executions are waiting already', suggestion: 'Try again in 2 seconds.' },
      }),
    );
  });
  await assert.rejects(startExecution(target, JOB, signal), {
    message: 'queue: 5 executions are waiting already',
    suggestions: ['Try again in 2 seconds.'],
  });
  assert.equal(authorization, 'Bearer the-key');
});

test('what is not Caisson, and what is not there, is said so', async () => {
  await using other = await serveFake((_request, response) => response.end('<html>'));
  await assert.rejects(startExecution(other, JOB, signal), /is it Caisson\?/);
  await using moved = await serveFake((_request, response) =>
    response.writeHead(302, { location: 'http://example.invalid/' }).end(),
  );
  await assert.rejects(startExecution(moved, JOB, signal), /cannot reach/);
  const gone = await serveFake(() => undefined);
  await gone[Symbol.asyncDispose]();
  await assert.rejects(startExecution(gone, JOB, signal), /nothing listens there/);
});
