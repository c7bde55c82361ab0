import assert from 'node:assert/strict';
import { test } from 'node:test';
import { executionList, executionResult, problemSchema } from '@caisson/protocol/api';
import { start, until } from '../../testing/start.ts';
import type { Started } from '../../testing/start.ts';

async function run(server: Started): Promise<string> {
  const answer = await server.call('POST', '/api/v1/jobs', { json: { code: 'print', language: 'python' } });
  return executionResult.parse(await answer.json()).execution_id;
}

test('removed output is answered as expired on every route; the execution stays', async () => {
  await using server = await start({ config: { maxOutputBytesPerTenant: 25_000, retentionIntervalMs: 1 } });
  server.plane.on('print', async (_step, events) => {
    await events({ type: 'stdout', text: 'x'.repeat(10_000) });
    return {};
  });
  const ids = [await run(server), await run(server), await run(server)];
  const [oldest = ''] = ids;
  const at = `/api/v1/executions/${oldest}`;
  await until(async () => (await server.call('GET', at)).status === 410);
  const sse = { accept: 'text/event-stream' };
  for (const answer of [
    await server.call('GET', at),
    await server.call('GET', `${at}/result`),
    await server.call('GET', `${at}/logs`),
    await server.call('GET', `${at}/logs`, { headers: sse }),
  ]) {
    assert.equal(answer.status, 410);
    assert.equal(problemSchema.parse(await answer.json()).code, 'output_expired');
  }
  const status = await server.call('GET', `${at}/status`);
  assert.equal(((await status.json()) as { status: string }).status, 'succeeded');
  const listed = executionList.parse(await (await server.call('GET', '/api/v1/executions')).json());
  assert.deepEqual(listed.items.map(({ execution_id }) => execution_id).toSorted(), ids.toSorted());
  const newest = await server.call('GET', `/api/v1/executions/${ids.at(-1) ?? ''}/result`);
  assert.equal(executionResult.parse(await newest.json()).stdout.length, 10_000);
});

test('expired executions and sessions are no longer found', async () => {
  let now = Date.now();
  const config = { retentionMs: 60_000, retentionIntervalMs: 1 };
  await using server = await start({ config, clock: { nowMs: () => now } });
  const id = await run(server);
  const made = await server.call('POST', '/api/v1/sessions', { json: {} });
  const { session_id } = (await made.json()) as { session_id: string };
  await server.call('POST', `/api/v1/sessions/${session_id}/terminate`);
  assert.equal((await server.call('GET', `/api/v1/executions/${id}`)).status, 200);
  now += 60_001;
  await until(async () => (await server.call('GET', `/api/v1/executions/${id}`)).status === 404);
  await until(async () => (await server.call('GET', `/api/v1/sessions/${session_id}`)).status === 404);
});
