import assert from 'node:assert/strict';
import { test } from 'node:test';
import { executionResult } from '@caisson/protocol/api';
import { jsonTextOf } from '@caisson/protocol/ports';
import { start } from '../../testing/start.ts';

test('a job is answered with its result, and can be read again', async () => {
  await using server = await start({ config: { maxConcurrentExecutionsPerTenant: 5 } });
  server.plane.on('print(1)', async (_step, events) => {
    await events({ type: 'stdout', text: '1\n' });
    return { returnValue: jsonTextOf({ result: 'hello world' }) };
  });
  const answer = await server.call('POST', '/api/v1/jobs', {
    json: { code: 'print(1)', language: 'python' },
  });
  assert.equal(answer.status, 200);
  const result = executionResult.parse(await answer.json());
  assert.equal(result.status, 'succeeded');
  assert.equal(result.stdout, '1\n');
  assert.deepEqual(result.return_value, { result: 'hello world' });
  const again = await server.call('GET', `/api/v1/executions/${result.execution_id}`);
  assert.deepEqual(await again.json(), result);
  const { quota } = server.plane.requests[0] ?? {};
  assert.deepEqual(quota, { kind: 'job', limit: 5 }, 'passed to the data plane');
});

test('a large event reaches the code unchanged', async () => {
  await using server = await start();
  const event = Array.from({ length: 5000 }, (_, index) => ({ index, text: 'é"\\' }));
  const body = `{"code": "1", "event": ${JSON.stringify(event)}, "timeout": 7}`;
  const response = await server.call('POST', '/api/v1/jobs', {
    body,
    headers: { 'content-type': 'application/json' },
  });
  assert.equal(response.status, 200);
  const [step] = server.plane.steps;
  assert.ok(step);
  assert.equal(step.timeoutMs, 7000);
  assert.deepEqual(JSON.parse(step.event), event);
});
