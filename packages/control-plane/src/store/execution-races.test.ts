import assert from 'node:assert/strict';
import { test } from 'node:test';
import { nodeId, replicaId, RUNNING, SYSTEM } from '@caisson/protocol/api';
import { NOT_RUN, stoppedOutcome } from '@caisson/protocol/ports';
import type { OutputEvent } from '@caisson/protocol/ports';
import { findBreak } from '../audit/chain.ts';
import { advance } from '../model/execution-record.ts';
import type { ExecutionRecord } from '../model/execution-record.ts';
import { auditRepository } from './audit.ts';
import { executionRepository } from './executions.ts';
import { OutputLedger } from './output/output-ledger.ts';
import { newSession, openTwice, queuedJob } from './temporary-stores.testing.ts';
import { SUCCEEDED } from '../testing/outcomes.ts';
import { sessionRepository } from './sessions.ts';
import { transactionWriter } from './writing/writer.ts';

const NODE = nodeId.parse('node-1');
const [A, B] = [replicaId.parse('a'), replicaId.parse('b')];

function started(record: ExecutionRecord): ExecutionRecord {
  return { ...(advance(record, RUNNING, 2) ?? assert.fail()), nodeId: NODE };
}

function ended(record: ExecutionRecord, type: 'succeeded' | 'timed_out'): ExecutionRecord {
  const outcome = type === 'succeeded' ? SUCCEEDED : stoppedOutcome('timeout', NOT_RUN);
  return advance(record, outcome, 3) ?? assert.fail();
}

/** Output with this number of pages; each names its replica. */
function pagesOf(writer: string, count: number): OutputEvent[] {
  return Array.from({ length: count }, () => ({ type: 'stdout', text: writer.repeat(64 * 1024) }));
}

async function openRepositories() {
  const twice = await openTwice();
  const ledgers = [new OutputLedger(false), new OutputLedger(false)] as const;
  for (const ledger of ledgers) ledger.beginCount(twice.tenantId)(0);
  const [first, second] = twice.stores;
  return {
    ...twice,
    ledgers,
    repositories: [
      executionRepository(first.db, first.writer, ledgers[0]),
      executionRepository(second.db, second.writer, ledgers[1]),
    ] as const,
    trail: () =>
      auditRepository(first.db, first.writer).list(twice.tenantId, { limit: 1000, before: undefined }),
  };
}

test('an execution starts once, with its node, and its job is deleted', async () => {
  await using opened = await openRepositories();
  const { repositories, stores, tenantId } = opened;
  const queued = queuedJob(tenantId, A);
  await repositories[0].insert(queued, { step: { code: 'secret' } } as never);
  const begun = await Promise.all(
    [0, 1, 0, 1].map((index) => repositories[index as 0 | 1].begin(started(queued))),
  );
  assert.equal(begun.filter(Boolean).length, 1);
  const row = await stores[1].db.selectFrom('executions').selectAll().executeTakeFirstOrThrow();
  assert.deepEqual(
    [row.status, row.started_at, row.node_id, row.replica_id, row.request_json],
    ['running', 2, NODE, A, null],
  );
  assert.equal((await repositories[1].find(tenantId, queued.id))?.nodeId, NODE);
});

test('a finished execution cannot start, and a queued job can end', async () => {
  await using opened = await openRepositories();
  const { repositories, tenantId } = opened;
  const queued = queuedJob(tenantId);
  await repositories[0].insert(queued, null);
  const cancelled = advance(queued, stoppedOutcome('cancelled', NOT_RUN), 2) ?? assert.fail();
  assert.equal(await repositories[1].finish(cancelled, [], SYSTEM), true);
  assert.equal(await repositories[0].begin(started(queued)), false);
  assert.equal((await repositories[0].find(tenantId, queued.id))?.state.status, 'cancelled');
});

for (const pages of [1, 5]) {
  test(`of concurrent outcomes of an execution one is recorded, with its ${pages} pages and one audit event`, async () => {
    await using opened = await openRepositories();
    const { repositories, ledgers, tenantId } = opened;
    for (let round = 0; round < 20; round += 1) {
      const running = started(queuedJob(tenantId));
      await repositories[0].insert(running, null);
      const text = [pagesOf('a', pages), pagesOf('b', pages + 1)] as const;
      const finished = await Promise.all([
        repositories[0].finish(ended(running, 'succeeded'), text[0], SYSTEM),
        repositories[1].finish(ended(running, 'timed_out'), text[1], SYSTEM),
        repositories[1].finish(ended(running, 'timed_out'), text[1], SYSTEM),
      ]);
      assert.equal(finished.filter(Boolean).length, 1);
      const winner = finished[0] ? 0 : 1;
      const stored = (await repositories[0].read(tenantId, running.id)) ?? assert.fail();
      assert.equal(stored.record.state.status, winner === 0 ? 'succeeded' : 'timed_out');
      assert.equal(stored.output.pageCount, text[winner].length);
      for (let page = 0; page < stored.output.pageCount; page += 1) {
        assert.deepEqual((await stored.output.page(page))?.events, [text[winner][page]]);
      }
      const last = (await opened.trail()).filter(({ subject }) => subject === running.id);
      assert.deepEqual(
        last.map(({ details }) => details['status']),
        [stored.record.state.status],
      );
    }
    assert.equal(findBreak((await opened.trail()).toReversed()), undefined);
    const { bytes } = await opened.stores[0].db
      .selectFrom('executions')
      .select(({ fn }) => fn.sum<number>('output_bytes').as('bytes'))
      .executeTakeFirstOrThrow();
    assert.equal(ledgers[0].bytesOf(tenantId) + ledgers[1].bytesOf(tenantId), bytes);
  });
}

test('an outcome that another replica recorded while the storage failed is not recorded again', async () => {
  await using opened = await openRepositories();
  const { repositories, stores, tenantId } = opened;
  const running = started(queuedJob(tenantId));
  await repositories[0].insert(running, null);
  const late = stores[0].storage.untilWritten(() =>
    repositories[0].finish(ended(running, 'timed_out'), pagesOf('a', 3), SYSTEM),
  );
  assert.equal(await repositories[1].finish(ended(running, 'succeeded'), [], SYSTEM), true);
  assert.equal(await late, false);
  assert.equal((await repositories[0].read(tenantId, running.id))?.output.pageCount, 0);
});

test('a queued job is adopted by one replica, a started one by none', async () => {
  await using opened = await openRepositories();
  const { repositories, tenantId } = opened;
  const queued = queuedJob(tenantId, A);
  const earlier = queuedJob(tenantId);
  for (const record of [queued, earlier]) await repositories[0].insert(record, null);
  const C = replicaId.parse('c');
  const adopted = await Promise.all([
    repositories[0].adopt(queued.id, A, B),
    repositories[1].adopt(queued.id, A, C),
    repositories[1].adopt(queued.id, null, C),
  ]);
  assert.equal(adopted.filter(Boolean).length, 1);
  assert.equal(await repositories[0].adopt(earlier.id, A, B), false);
  assert.equal(await repositories[0].adopt(earlier.id, null, B), true);
  assert.equal(await repositories[0].begin(started(earlier)), true);
  assert.equal(await repositories[0].adopt(earlier.id, B, C), false);
});

test('unfinished executions are found by node, and by queue', async () => {
  await using opened = await openRepositories();
  const { repositories, tenantId } = opened;
  const [store] = repositories;
  const waiting = [queuedJob(tenantId, A), queuedJob(tenantId, B), queuedJob(tenantId)] as const;
  const running = started(queuedJob(tenantId, A));
  const elsewhere = { ...started(queuedJob(tenantId, A)), nodeId: nodeId.parse('node-2') };
  const over = started(queuedJob(tenantId, A));
  for (const record of [...waiting, running, elsewhere, over]) await store.insert(record, null);
  await store.finish(ended(over, 'succeeded'), [], SYSTEM);
  const ids = async (filter?: Parameters<typeof store.unfinished>[0]) =>
    (await Array.fromAsync(store.unfinished(filter))).map(({ record }) => record.id).toSorted();
  const sorted = (...records: ExecutionRecord[]) => records.map(({ id }) => id).toSorted();
  assert.deepEqual(await ids(), sorted(...waiting, running, elsewhere));
  assert.deepEqual(await ids({ nodeId: NODE }), sorted(running));
  assert.deepEqual(await ids({ queuedBy: [A] }), sorted(waiting[0]));
  assert.deepEqual(await ids({ queuedBy: [B, null] }), sorted(waiting[1], waiting[2]));
  assert.deepEqual(await ids({ queuedBy: [] }), []);
  const [found] = await Array.fromAsync(store.unfinished({ nodeId: NODE }));
  assert.deepEqual(found?.record, running);
});

test('the same holds with one transaction per write', async () => {
  await using opened = await openTwice();
  const { tenantId, stores } = opened;
  const repositories = stores.map(({ db }) =>
    executionRepository(
      db,
      transactionWriter(db, () => undefined),
    ),
  );
  const running = started(queuedJob(tenantId));
  await repositories[0]?.insert(running, null);
  const finished = await Promise.all(
    repositories.map((one, index) => one.finish(ended(running, 'succeeded'), pagesOf(`${index}`, 3), SYSTEM)),
  );
  assert.equal(finished.filter(Boolean).length, 1);
  const stored = await repositories[0]?.read(tenantId, running.id);
  assert.equal(stored?.output.pageCount, 3);
  const sessions = stores.map(({ db }) =>
    sessionRepository(
      db,
      transactionWriter(db, () => undefined),
    ),
  );
  const inserted = await Promise.all(sessions.map((one) => one.insert(newSession(tenantId), SYSTEM, 1)));
  assert.equal(inserted.filter(Boolean).length, 1);
  const { db, writer } = stores[0];
  const trail = await auditRepository(db, writer).list(tenantId, { limit: 100, before: undefined });
  assert.equal(findBreak(trail.toReversed()), undefined);
  assert.deepEqual(
    trail
      .map(({ action }) => action)
      .slice(0, 2)
      .toSorted(),
    ['execution.finished', 'session.created'],
  );
});
