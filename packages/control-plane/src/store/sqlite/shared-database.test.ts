import assert from 'node:assert/strict';
import { fork } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { newTenantId, SYSTEM } from '@caisson/protocol/api';
import type { TenantId } from '@caisson/protocol/api';
import { findBreak } from '../../audit/chain.ts';
import { auditRepository } from '../audit.ts';
import { openTwice } from '../temporary-stores.testing.ts';
import { auditStatements } from '../statements/audit-rows.ts';
import { DATABASE_FILE, openStore } from './database.ts';
import { openSqlite, statementCache } from './driver.ts';
import { GroupCommit } from './group-commit.ts';
import { isStorageFailure } from './storage-failure.ts';
import type { Store } from '../store.ts';

async function temporaryDirectory() {
  const path = await mkdtemp(join(tmpdir(), 'caisson-shared-'));
  return { path, [Symbol.asyncDispose]: () => rm(path, { recursive: true, force: true }) };
}

function event(tenantId: TenantId, path: string) {
  const action = 'file.deleted' as const;
  return { at: 0, tenantId, principal: SYSTEM, action, subject: 'ses', details: { path } } as const;
}

async function trailOf({ db, writer }: Store, tenantId: TenantId) {
  const trail = await auditRepository(db, writer).list(tenantId, { limit: 100_000, before: undefined });
  return trail.toReversed();
}

test('two connections append to one audit trail concurrently, and its chain stays intact', async () => {
  await using opened = await openTwice();
  const { stores, tenantId } = opened;
  const other = await opened.addTenant('other');
  const append = (index: number, id: TenantId) =>
    stores[index % 2 === 0 ? 0 : 1].writer.write([], [event(id, `${index}`)]);
  for (let index = 0; index < 20; index += 1) await append(index, tenantId);
  await Promise.all(Array.from({ length: 1000 }, (_, index) => append(index, index % 3 ? tenantId : other)));
  const [mine, others] = [await trailOf(stores[0], tenantId), await trailOf(stores[1], other)];
  assert.equal(mine.length + others.length, 1020 + 4);
  for (const trail of [mine, others]) assert.equal(findBreak(trail), undefined);
});

test('two processes append to one audit trail concurrently, and its chain stays intact', async () => {
  await using directory = await temporaryDirectory();
  const tenantId = newTenantId();
  await using store = await openStore(directory.path);
  const counts: Record<string, number> = { a: 0, b: 0 };
  const programs = ['a', 'b'].map((name) => {
    const program = fork(join(import.meta.dirname, 'appending.testing.ts'), [directory.path, tenantId, name]);
    program.on('message', (count: number) => {
      if (Math.min(...Object.values(counts)) >= 500) return;
      counts[name] = count;
      if (Math.min(...Object.values(counts)) < 500) return;
      for (const one of programs) one.send('stop');
    });
    return program;
  });
  const ended = programs.map((program) => once(program, 'exit'));
  assert.deepEqual(await Promise.all(ended), [
    [0, null],
    [0, null],
  ]);
  const trail = await trailOf(store, tenantId);
  assert.equal(findBreak(trail), undefined);
  const writers = trail.map(({ details }) => String(details['path']).charAt(0));
  for (const name of ['a', 'b']) {
    const written = trail.filter((_, index) => writers[index] === name);
    assert.ok(written.length >= (counts[name] ?? 0));
    assert.deepEqual(
      written.map(({ details }) => details['path']),
      written.map((_, index) => `${name}${index + 1}`),
    );
  }
  assert.ok(
    writers.lastIndexOf('a') > writers.indexOf('b') && writers.lastIndexOf('b') > writers.indexOf('a'),
  );
});

test('a new database that is opened several times concurrently is migrated once', async () => {
  await using directory = await temporaryDirectory();
  await using stores = new AsyncDisposableStack();
  const opened = await Promise.all(Array.from({ length: 4 }, () => openStore(directory.path)));
  for (const store of opened) stores.use(store);
  for (const [index, { db, writer }] of opened.entries()) {
    await writer.write([
      db
        .insertInto('tenants')
        .values({ id: newTenantId(), name: `${index}`, created_at: 0 })
        .compile(),
    ]);
  }
  for (const { db } of opened) {
    assert.equal((await db.selectFrom('tenants').select('id').execute()).length, opened.length);
  }
});

test('a write waits for the transaction of another connection without blocking the event loop', async () => {
  await using opened = await openTwice();
  const [first, second] = opened.stores;
  const gate = Promise.withResolvers<undefined>();
  const locked = Promise.withResolvers<undefined>();
  const order: string[] = [];
  const insert = ({ db }: Store, name: string) =>
    db.insertInto('tenants').values({ id: newTenantId(), name, created_at: 0 }).compile();
  const others = second.db.transaction().execute(async (transaction) => {
    await transaction.executeQuery(insert(second, 'theirs'));
    locked.resolve(undefined);
    await gate.promise;
    order.push('theirs');
  });
  await locked.promise;
  const writes = ['a', 'b'].map(async (name) => {
    await first.writer.write([insert(first, name)]);
    order.push(name);
  });
  for (let turn = 0; turn < 50; turn += 1) await new Promise(setImmediate);
  assert.deepEqual(order, []);
  gate.resolve(undefined);
  await Promise.all([others, ...writes]);
  assert.deepEqual(order, ['theirs', 'a', 'b']);
  assert.equal(first.storage.working, true);
});

test('a lock that is held too long counts as a storage failure, until it is released', async () => {
  await using opened = await openTwice();
  const [{ db }] = opened.stores;
  using database = openSqlite(join(opened.dataDir, DATABASE_FILE));
  using other = openSqlite(join(opened.dataDir, DATABASE_FILE));
  const commits = new GroupCommit({
    database,
    prepare: statementCache(database),
    trail: auditStatements(db),
    shared: true,
    lockDeadlineMs: 30,
    exclusively: (act) => act(),
  });
  other.exec('begin immediate');
  const writes = ['a', 'b'].map((path) => commits.write([], [event(opened.tenantId, path)]));
  for (const { status, reason } of (await Promise.allSettled(writes)) as PromiseRejectedResult[]) {
    assert.equal(status, 'rejected');
    assert.ok(isStorageFailure(reason));
  }
  other.exec('rollback');
  await commits.write([], [event(opened.tenantId, 'c')]);
  await commits.close();
  const trail = await trailOf(opened.stores[0], opened.tenantId);
  assert.deepEqual(trail.map(({ details }) => details['path']).slice(2), ['c']);
  assert.equal(findBreak(trail), undefined);
});

test('all numbers are read as JavaScript numbers, including 64-bit integers, sums and counts', async () => {
  await using opened = await openTwice();
  const { db, writer } = opened.stores[0];
  const large = Number.MAX_SAFE_INTEGER;
  await writer.write([db.updateTable('tenants').set({ created_at: large }).compile()]);
  const { fn } = db;
  const row = await db
    .selectFrom('tenants')
    .select([
      fn.max('created_at').as('most'),
      fn.sum<number>('created_at').as('sum'),
      fn.countAll<number>().as('count'),
    ])
    .executeTakeFirst();
  assert.deepEqual({ ...row }, { most: large, sum: large, count: 1 });
});

test('closing waits for the lock too, and loses nothing', async () => {
  await using opened = await openTwice();
  const third = await openStore(opened.dataDir);
  const [first] = opened.stores;
  const gate = Promise.withResolvers<undefined>();
  const locked = Promise.withResolvers<undefined>();
  const others = first.db.connection().execute(async (connection) => {
    await connection.transaction().execute(async () => {
      locked.resolve(undefined);
      await gate.promise;
    });
  });
  await locked.promise;
  const written = third.writer.write([], [event(opened.tenantId, 'last words')]);
  const closed = third[Symbol.asyncDispose]();
  for (let turn = 0; turn < 20; turn += 1) await new Promise(setImmediate);
  gate.resolve(undefined);
  await Promise.all([others, written, closed]);
  assert.equal((await trailOf(first, opened.tenantId)).at(-1)?.details['path'], 'last words');
});

test('exclusive access is granted if nobody has the database open, and kept', async () => {
  await using directory = await temporaryDirectory();
  {
    await using shared = await openStore(directory.path);
    await assert.rejects(openStore(directory.path, { exclusive: true }), /another server/);
    assert.equal(shared.storage.working, true);
  }
  await using alone = await openStore(directory.path, { exclusive: true });
  await assert.rejects(openStore(directory.path, { exclusive: true }), /another server/);
  assert.equal(alone.storage.working, true);
});
