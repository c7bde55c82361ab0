import assert from 'node:assert/strict';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import {
  newApiKeyId,
  newExecutionId,
  newSandboxId,
  newTenantId,
  RUNNING,
  SYSTEM,
} from '@caisson/protocol/api';
import { jsonTextOf, NOT_RUN, stoppedOutcome } from '@caisson/protocol/ports';
import type { StepOutcome, StepRequest } from '@caisson/protocol/ports';
import { advance, queuedExecution } from '../model/execution-record.ts';
import type { QueuedJob } from '../model/execution-record.ts';
import { openStore } from './sqlite/database.ts';
import { executionRepository } from './executions.ts';
import { tenantRepository } from './tenants.ts';
import { LOST, SUCCEEDED } from '../testing/outcomes.ts';

async function openTemporary() {
  await using undo = new AsyncDisposableStack();
  const path = await mkdtemp(join(tmpdir(), 'caisson-executions-'));
  undo.defer(() => rm(path, { recursive: true, force: true }));
  const { db, writer } = undo.use(await openStore(path));
  const tenantId = newTenantId();
  await tenantRepository(db, writer).addTenant(
    { id: tenantId, name: 'tenant', createdAt: 0 },
    { id: newApiKeyId(), tenantId, name: 'key', role: 'member', hash: 'hash', createdAt: 0 },
  );
  const resources = undo.move();
  return {
    db,
    tenantId,
    executions: executionRepository(db, writer),
    queued: () =>
      queuedExecution({
        id: newExecutionId(),
        tenantId,
        sessionId: null,
        language: 'python',
        templateId: 'python',
        codeSha256: '0'.repeat(64),
        submittedBy: null,
        replicaId: null,
        createdAt: 1,
      }),
    [Symbol.asyncDispose]: () => resources.disposeAsync(),
  };
}

function jobOf(code: string): QueuedJob {
  const resources = { cpuMillicores: 1, memoryBytes: 1, diskBytes: 1, pids: 1 };
  return {
    step: { code } as StepRequest,
    sandbox: {
      id: newSandboxId(),
      tenantId: newTenantId(),
      templateId: 'python',
      isolation: 'container',
      resources,
      env: {},
      isolationScope: 'auto',
    },
  };
}

test('a list reads no output', async () => {
  await using store = await openTemporary();
  const running = advance(store.queued(), RUNNING, 2) ?? assert.fail();
  await store.executions.insert(running, null);
  const usage = { durationMs: 3, cpuMs: 2, peakMemoryBytes: 1 };
  const ended = advance(running, { ...SUCCEEDED, usage }, 5) ?? assert.fail();
  await store.executions.finish(ended, [], SYSTEM);
  // A query that reads these columns fails.
  await store.db.updateTable('executions').set({ return_value_json: '{', error_json: '{' }).execute();
  const filter = { limit: 10, after: undefined, status: undefined, sessionId: undefined };
  const listed = await store.executions.list(store.tenantId, filter);
  assert.deepEqual(
    listed.map(({ id, state, startedAt, finishedAt, outcome: made }) => [
      id,
      state.status,
      startedAt,
      finishedAt,
      made,
    ]),
    [[ended.id, 'succeeded', 2, 5, { usage }]],
  );
});

test('every outcome is read as it was written', async () => {
  await using store = await openTemporary();
  const facts = {
    truncated: true,
    kernelRestarted: true,
    usage: { durationMs: 3, cpuMs: 2, peakMemoryBytes: null },
  };
  const error = { name: 'E', message: 'm', traceback: ['at 1'] };
  const outcomes: StepOutcome[] = [
    SUCCEEDED,
    { ...SUCCEEDED, ...facts, returnValue: jsonTextOf([1]) },
    { ...SUCCEEDED, returnValue: jsonTextOf(null) },
    { status: 'failed', reason: 'exception', exitCode: 1, error, ...facts },
    { status: 'failed', reason: 'exit_code', exitCode: 3, ...facts },
    { status: 'failed', reason: 'out_of_memory', ...facts },
    { status: 'failed', reason: 'kernel_crashed', ...facts },
    LOST,
    { ...LOST, reason: 'sandbox_unavailable', error },
    { ...LOST, reason: 'insufficient_capacity' },
    stoppedOutcome('timeout', facts),
    stoppedOutcome('cancelled', NOT_RUN),
    stoppedOutcome('session_terminated', facts),
    stoppedOutcome('shutdown', facts),
  ];
  for (const outcome of outcomes) {
    const running = advance(store.queued(), RUNNING, 2) ?? assert.fail();
    await store.executions.insert(running, null);
    const ended = advance(running, outcome, 5) ?? assert.fail();
    await store.executions.finish(ended, [], SYSTEM);
    const { record } = (await store.executions.read(store.tenantId, ended.id)) ?? assert.fail();
    assert.deepEqual(record.outcome, outcome);
    assert.deepEqual(record.state, { status: outcome.status, reason: outcome.reason });
  }
});

test('output that an earlier version stored as one JSON text can be read', async () => {
  await using store = await openTemporary();
  const running = advance(store.queued(), RUNNING, 2) ?? assert.fail();
  await store.executions.insert(running, null);
  const ended = advance(running, SUCCEEDED, 5) ?? assert.fail();
  await store.executions.finish(ended, [], SYSTEM);
  const events = [
    { type: 'stdout', text: '\u0001' },
    { type: 'result', bundle: { 'text/plain': '1' } },
    { type: 'result', bundle: '{"text/plain":"2"}' },
  ];
  await store.db
    .insertInto('execution_outputs')
    .values({ execution_id: ended.id, events_json: JSON.stringify(events) })
    .execute();
  const { output } = (await store.executions.read(store.tenantId, ended.id)) ?? assert.fail();
  assert.equal(output.pageCount, 1);
  assert.deepEqual((await output.page(0))?.events, [
    { type: 'stdout', text: '\u0001' },
    { type: 'result', bundle: '{"text/plain":"1"}' },
    { type: 'result', bundle: '{"text/plain":"2"}' },
  ]);
});

test('a list filtered by status is complete and in order, however far apart its executions are', async () => {
  await using store = await openTemporary();
  const records = Array.from({ length: 2500 }, () => store.queued());
  records.sort((a, b) => (a.id < b.id ? 1 : -1));
  await Promise.all(records.map((record) => store.executions.insert(record, null)));
  const places = [0, 1, 999, 1000, 1001, 1999, 2001, 2499];
  const ids = places.map((place) => records[place]?.id ?? assert.fail());
  for (const place of places) {
    const record = records[place] ?? assert.fail();
    const failed = advance(record, stoppedOutcome('cancelled', NOT_RUN), 5) ?? assert.fail();
    await store.executions.finish(failed, [], SYSTEM);
  }
  const list = async (limit: number, after?: string) => {
    const filter = { limit, after, status: 'cancelled', sessionId: undefined } as const;
    return (await store.executions.list(store.tenantId, filter)).map(({ id }) => id);
  };
  assert.deepEqual(await list(100), ids);
  assert.deepEqual(await list(3), ids.slice(0, 3));
  assert.deepEqual(await list(3, ids[2]), ids.slice(3, 6));
  assert.deepEqual(await list(3, ids.at(-1)), []);
});

test('one page is read per turn of the event loop, however many readers there are', async () => {
  await using store = await openTemporary();
  const running = advance(store.queued(), RUNNING, 2) ?? assert.fail();
  await store.executions.insert(running, null);
  const ended = advance(running, SUCCEEDED, 5) ?? assert.fail();
  const text = 'x'.repeat(64 * 1024);
  const events = Array.from({ length: 5 }, () => ({ type: 'stdout', text }) as const);
  await store.executions.finish(ended, events, SYSTEM);
  let pages = 0;
  const readers = Array.from({ length: 4 }, async () => {
    const { output } = (await store.executions.read(store.tenantId, ended.id)) ?? assert.fail();
    assert.equal(output.pageCount, 5);
    for (let page = 0; page < output.pageCount; page += 1) {
      assert.ok(await output.page(page));
      pages += 1;
    }
  });
  let most = 0;
  for (let before = 0; pages < 20; before = pages) {
    await new Promise(setImmediate);
    most = Math.max(most, pages - before);
  }
  await Promise.all(readers);
  assert.ok(most <= 2, `${most} pages between two turns`);
});

test('unfinished executions are found, oldest first, each with its queued job', async () => {
  await using store = await openTemporary();
  const records = Array.from({ length: 250 }, () => store.queued());
  await Promise.all(
    records.map((record, index) =>
      store.executions.insert(record, index % 2 === 0 ? jobOf(`${index}`) : null),
    ),
  );
  const found = new Map<string, string | undefined>();
  for await (const { record, job } of store.executions.unfinished()) {
    found.set(record.id, job?.step.code);
    // As in reconciliation: executions it has seen are finished.
    const ended = advance(record, LOST, 2) ?? assert.fail();
    await store.executions.finish(ended, [], SYSTEM);
  }
  assert.deepEqual([...found.keys()], records.map(({ id }) => id).toSorted());
  records.forEach(({ id }, index) => {
    assert.equal(found.get(id), index % 2 === 0 ? `${index}` : undefined);
  });
  assert.deepEqual(await Array.fromAsync(store.executions.unfinished()), []);
});
