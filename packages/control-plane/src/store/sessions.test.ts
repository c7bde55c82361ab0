import assert from 'node:assert/strict';
import { test } from 'node:test';
import { nodeId, SYSTEM } from '@caisson/protocol/api';
import { advanceSession, LIVE_STATUSES } from '../model/session-record.ts';
import { auditRepository } from './audit.ts';
import { toSessionRow } from './statements/session-rows.ts';
import { sessionStatements } from './statements/session-statements.ts';
import { sessionRepository } from './sessions.ts';
import { newSession, openTwice } from './temporary-stores.testing.ts';

const LIMIT = 5;

async function openRepositories() {
  const twice = await openTwice();
  const [first, second] = twice.stores;
  return {
    ...twice,
    repositories: [
      sessionRepository(first.db, first.writer),
      sessionRepository(second.db, second.writer),
    ] as const,
    actions: async () => {
      const audit = auditRepository(first.db, first.writer);
      const trail = await audit.list(twice.tenantId, { limit: 1000, before: undefined });
      return trail.map(({ action }) => action).filter((action) => action.startsWith('session.'));
    },
  };
}

test('a tenant gets no more sessions than its limit, however many are requested concurrently', async () => {
  await using opened = await openRepositories();
  const { repositories, tenantId } = opened;
  const other = await opened.addTenant('other');
  const records = Array.from({ length: 40 }, () => newSession(tenantId));
  const inserted = await Promise.all(
    records.map((record, index) => repositories[index % 2 === 0 ? 0 : 1].insert(record, SYSTEM, LIMIT)),
  );
  assert.equal(inserted.filter(Boolean).length, LIMIT);
  const live = await repositories[0].live();
  const expected = records.filter((_, index) => inserted[index]);
  assert.deepEqual(
    live.toSorted((a, b) => (a.id < b.id ? -1 : 1)),
    expected.toSorted((a, b) => (a.id < b.id ? -1 : 1)),
  );
  assert.equal((await opened.actions()).length, LIMIT);
  assert.equal(await repositories[0].insert(newSession(other), SYSTEM, LIMIT), true);
  assert.equal(await repositories[0].insert(newSession(other), SYSTEM, 1), false);
  const [one] = live;
  const ended = advanceSession(one ?? assert.fail(), { type: 'terminated', reason: 'requested' }, 9);
  await repositories[1].change(ended ?? assert.fail(), LIVE_STATUSES, 'session.terminated', SYSTEM);
  assert.equal(await repositories[0].insert(newSession(tenantId), SYSTEM, LIMIT), true);
  assert.equal(await repositories[1].insert(newSession(tenantId), SYSTEM, LIMIT), false);
});

test('the count of live sessions reads only an index', async () => {
  await using opened = await openRepositories();
  const { db } = opened.stores[0];
  const insert = sessionStatements(db).insert(toSessionRow(newSession(opened.tenantId)), 1);
  const { rows } = await db.executeQuery({ ...insert, sql: `explain query plan ${insert.sql}` });
  assert.match(JSON.stringify(rows), /SEARCH sessions USING COVERING INDEX sessions_live/);
});

test('a state changes only from the expected states, and once', async () => {
  await using opened = await openRepositories();
  const { repositories, tenantId } = opened;
  const creating = newSession(tenantId);
  await repositories[0].insert(creating, SYSTEM, LIMIT);
  const created = advanceSession(creating, { type: 'created' }, 2) ?? assert.fail();
  const running = { ...created, runtime: 'crun', nodeId: nodeId.parse('node-1'), lastUsedAt: 2 } as const;
  const ended = advanceSession(creating, { type: 'terminated', reason: 'requested' }, 3) ?? assert.fail();
  assert.equal(await repositories[0].update(running, ['paused']), false);
  assert.equal(await repositories[0].update(running, ['creating']), true);
  assert.deepEqual(await repositories[1].find(tenantId, running.id), running);
  const changed = await Promise.all(
    repositories.map((one) => one.change(ended, LIVE_STATUSES, 'session.terminated', SYSTEM)),
  );
  assert.equal(changed.filter(Boolean).length, 1);
  const paused = { ...running, state: { status: 'paused', reason: null } } as const;
  assert.equal(await repositories[1].change(paused, ['running'], 'session.paused', SYSTEM), false);
  assert.equal(await repositories[1].update(running, LIVE_STATUSES), false);
  assert.equal((await repositories[0].find(tenantId, running.id))?.state.status, 'terminated');
  assert.deepEqual(await opened.actions(), ['session.terminated', 'session.created']);
});

test('an extension keeps the state set by another replica, and a state change keeps the extension', async () => {
  await using opened = await openRepositories();
  const { repositories, tenantId } = opened;
  const creating = newSession(tenantId);
  await repositories[0].insert(creating, SYSTEM, LIMIT);
  const running = advanceSession(creating, { type: 'created' }, 2) ?? assert.fail();
  await repositories[0].update(running, ['creating']);
  const paused = advanceSession(running, { type: 'paused' }, 3) ?? assert.fail();
  await repositories[1].change({ ...paused, lastUsedAt: 3 }, ['running'], 'session.paused', SYSTEM);
  // Written from a record before the pause.
  const extended = { ...running, expiresAt: 5000, lastUsedAt: 4 };
  assert.equal(await repositories[0].extend(extended, LIVE_STATUSES, SYSTEM), true);
  // Written from a record before the extension.
  const resumed = advanceSession(paused, { type: 'resumed' }, 5) ?? assert.fail();
  assert.equal(await repositories[1].change(resumed, ['paused'], 'session.resumed', SYSTEM), true);
  assert.deepEqual(await repositories[1].find(tenantId, running.id), extended);
  const ended = advanceSession(running, { type: 'terminated', reason: 'requested' }, 9) ?? assert.fail();
  await repositories[1].change(ended, LIVE_STATUSES, 'session.terminated', SYSTEM);
  assert.equal(await repositories[0].extend({ ...extended, expiresAt: 6000 }, LIVE_STATUSES, SYSTEM), false);
  assert.deepEqual(await opened.actions(), [
    'session.terminated',
    'session.resumed',
    'session.extended',
    'session.paused',
    'session.created',
  ]);
});

test('the last use of live sessions only moves forward', async () => {
  await using opened = await openRepositories();
  const { repositories, tenantId } = opened;
  const records = [newSession(tenantId), newSession(tenantId), newSession(tenantId)] as const;
  for (const record of records) await repositories[0].insert(record, SYSTEM, LIMIT);
  const ended = advanceSession(records[2], { type: 'terminated', reason: 'requested' }, 3) ?? assert.fail();
  await repositories[0].change(ended, LIVE_STATUSES, 'session.terminated', SYSTEM);
  const [first, second, third] = records.map(({ id }) => id) as [never, never, never];
  await repositories[0].touch([
    { id: first, lastUsedAt: 10 },
    { id: second, lastUsedAt: 20 },
    { id: third, lastUsedAt: 30 },
  ]);
  await repositories[1].touch([
    { id: first, lastUsedAt: 5 },
    { id: second, lastUsedAt: 21 },
  ]);
  await repositories[1].touch([]);
  const last = await Promise.all(records.map(({ id }) => repositories[0].find(tenantId, id)));
  assert.deepEqual(
    last.map((record) => record?.lastUsedAt),
    [10, 21, 1],
  );
});
