import assert from 'node:assert/strict';
import { test } from 'node:test';
import { newExecutionId, newTenantId, RUNNING } from '@caisson/protocol/api';
import type { OutputEvent } from '@caisson/protocol/ports';
import type { StoredExecution } from '../store/executions.ts';
import { decodePage, encodePages } from '../store/output/output-pages.ts';
import { advance, queuedExecution } from '../model/execution-record.ts';
import type { NumberedEvent } from './execution-events.ts';
import { followStored } from './stored-follower.ts';
import { SUCCEEDED } from '../testing/outcomes.ts';

const EVENTS: OutputEvent[] = Array.from({ length: 500 }, (_, index) => ({
  type: 'stdout',
  text: `${index} ${'x'.repeat(1000)}`,
}));

/** A finished execution, and the numbers of its pages that were read. */
function stored(): StoredExecution & { read: number[] } {
  const fields = {
    id: newExecutionId(),
    tenantId: newTenantId(),
    sessionId: null,
    language: 'python',
  } as const;
  const queued = queuedExecution({
    ...fields,
    templateId: 'python',
    codeSha256: '',
    submittedBy: null,
    replicaId: null,
    createdAt: 0,
  });
  const running = advance(queued, RUNNING, 1) ?? assert.fail();
  const record = advance(running, SUCCEEDED, 2) ?? assert.fail();
  const pages = encodePages(EVENTS, null);
  const read: number[] = [];
  return {
    record,
    read,
    expired: false,
    output: {
      pageCount: pages.length,
      pageOfEvent: (index) => Promise.resolve(pages.findLastIndex(({ firstEvent }) => firstEvent <= index)),
      page: (page) => {
        read.push(page);
        const found = pages[page];
        return Promise.resolve(found && decodePage(found));
      },
    },
  };
}

async function rest(execution: StoredExecution, after: number): Promise<NumberedEvent[]> {
  using follower = followStored(execution, after);
  const events: NumberedEvent[] = [];
  for (let event = await follower.next(); event !== undefined; event = await follower.next())
    events.push(event);
  return events;
}

test('a reader has one page in memory, and reads the next after its last event', async () => {
  const execution = stored();
  assert.ok(execution.output.pageCount > 3);
  using follower = followStored(execution, 0);
  for (let id = 1; id <= 3; id += 1) assert.equal((await follower.next())?.id, id);
  assert.deepEqual(execution.read, [0]);
});

test('a reconnecting reader resumes with the next id, and reads no earlier page', async () => {
  const all = await rest(stored(), 0);
  assert.deepEqual(
    all.map(({ id }) => id),
    Array.from({ length: 2 + EVENTS.length + 1 }, (_, index) => index + 1),
  );
  assert.equal(all.at(-1)?.event.type, 'finished');
  for (const after of [1, 2, 3, 4, 100, 250, 501, 502, 503]) {
    const execution = stored();
    assert.deepEqual(
      (await rest(execution, after)).map(({ id, event }) => [
        id,
        event.type,
        'text' in event ? event.text : '',
      ]),
      all.slice(after).map(({ id, event }) => [id, event.type, 'text' in event ? event.text : '']),
      `after ${after}`,
    );
    if (after === 250) assert.ok((execution.read[0] ?? 0) > 0);
  }
});

test('a closed reader gets no more events', async () => {
  const follower = followStored(stored(), 0);
  await follower.next();
  follower[Symbol.dispose]();
  assert.equal(await follower.next(), undefined);
});

test('output removed during the read is an error, not the end', async () => {
  const execution = stored();
  const gone = { ...execution, output: { ...execution.output, page: () => Promise.resolve(undefined) } };
  await assert.rejects(rest(gone, 0), { code: 'output_expired' });
});
