import assert from 'node:assert/strict';
import { test } from 'node:test';
import { createParser } from 'eventsource-parser';
import { executionEvent, executionList, executionLogs, executionResult } from '@caisson/protocol/api';
import { jsonTextOf } from '@caisson/protocol/ports';
import type { JsonValue } from '@caisson/protocol/api';
import { start, until } from '../../testing/start.ts';
import type { Started } from '../../testing/start.ts';

const LINES = 300;
const RETURN_VALUE: JsonValue = { values: Array.from({ length: 20_000 }, (_, index) => `😀"${index}`) };
const JOB = { code: 'large', language: 'python' };

async function startWithLargeJob(): Promise<Started> {
  const server = await start({ config: { maxEventReadersPerTenant: 2 } });
  server.plane.on('large', async (_step, events) => {
    for (let line = 0; line < LINES; line += 1) {
      await events({
        type: line % 3 === 0 ? 'stderr' : 'stdout',
        text: `${line} \u0001\u001f"é😀${'x'.repeat(1500)}\n`,
      });
      if (line % 100 === 0) await events({ type: 'result', bundle: jsonTextOf({ 'text/plain': `${line}` }) });
    }
    return { returnValue: jsonTextOf(RETURN_VALUE), exitCode: 0 };
  });
  return server;
}

async function eventsOf(answer: Response) {
  assert.equal(answer.status, 200);
  const events: { id: string | undefined; event: unknown }[] = [];
  const parser = createParser({
    onEvent: ({ id, event, data }) => {
      events.push({ id, event: executionEvent.parse({ type: event, ...(JSON.parse(data) as object) }) });
    },
  });
  parser.feed(await answer.text());
  return events;
}

test('a long result is the same at its end, later, in pieces, and as live or replayed events', async () => {
  await using server = await startWithLargeJob();
  const sse = { accept: 'text/event-stream' };
  const live = await eventsOf(await server.call('POST', '/api/v1/jobs', { json: JOB, headers: sse }));
  const waited = executionResult.parse(
    await (await server.call('POST', '/api/v1/jobs', { json: JOB })).json(),
  );
  assert.deepEqual(waited.return_value, RETURN_VALUE);
  assert.equal(waited.results.length, 3);
  const path = `/api/v1/executions/${waited.execution_id}`;
  for (const where of ['', '/result']) {
    assert.deepEqual(executionResult.parse(await (await server.call('GET', path + where)).json()), waited);
  }
  const cancelled = await server.call('POST', `${path}/cancel`);
  assert.deepEqual(executionResult.parse(await cancelled.json()), waited);
  const logs = executionLogs.parse(await (await server.call('GET', `${path}/logs`)).json());
  assert.deepEqual([logs.stdout, logs.stderr], [waited.stdout, waited.stderr]);

  const listed = executionList.parse(await (await server.call('GET', '/api/v1/executions?limit=1')).json());
  assert.equal(listed.items[0]?.execution_id, waited.execution_id);

  const replayed = await eventsOf(await server.call('GET', `${path}/logs`, { headers: sse }));
  assert.deepEqual(replayed.at(-1)?.event, { type: 'finished', execution: waited });
  assert.deepEqual(
    replayed.slice(2, -1).map(({ id, event }) => [id, event]),
    live.slice(2, -1).map(({ id, event }) => [id, event]),
  );
  const half = await server.call('GET', `${path}/logs`, { headers: { ...sse, 'last-event-id': '150' } });
  assert.deepEqual(await eventsOf(half), replayed.slice(150));
});

test('an event reader beyond the limit of its tenant is refused before anything starts', async () => {
  await using server = await startWithLargeJob();
  const gate = Promise.withResolvers<undefined>();
  server.plane.on('waits', async () => {
    await gate.promise;
    return {};
  });
  const headers = { accept: 'text/event-stream' };
  const json = { code: 'waits', language: 'python' };
  const readers = [1, 2].map(() => server.call('POST', '/api/v1/jobs', { json, headers }));
  await Promise.all(readers);
  const id = server.plane.steps[0]?.executionId ?? assert.fail();
  for (const refused of [
    await server.call('POST', '/api/v1/jobs', { json, headers }),
    await server.call('GET', `/api/v1/executions/${id}/logs`, { headers }),
  ]) {
    assert.equal(refused.status, 429);
    assert.match(await refused.text(), /too_many_readers/);
  }
  assert.equal(server.plane.steps.length, 2);
  gate.resolve(undefined);
  for (const reader of readers) await (await reader).text();
  await until(async () => {
    const answer = await server.call('GET', `/api/v1/executions/${id}/logs`, { headers });
    await answer.text();
    return answer.status === 200;
  });
});
