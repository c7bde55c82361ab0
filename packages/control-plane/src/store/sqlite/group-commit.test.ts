import assert from 'node:assert/strict';
import { fork } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { test } from 'node:test';
import { newApiKeyId, newTenantId, SYSTEM } from '@caisson/protocol/api';
import type { ExecutionId, TenantId } from '@caisson/protocol/api';
import { sql } from 'kysely';
import { findBreak } from '../../audit/chain.ts';
import { auditRepository } from '../audit.ts';
import { auditStatements } from '../statements/audit-rows.ts';
import { openStore } from './database.ts';
import { executionRepository } from '../executions.ts';
import { GroupCommit } from './group-commit.ts';
import { statementCache } from './driver.ts';
import { tenantRepository } from '../tenants.ts';

const TENANT = newTenantId();

async function temporaryDirectory() {
  const path = await mkdtemp(join(tmpdir(), 'caisson-store-'));
  return { path, [Symbol.asyncDispose]: () => rm(path, { recursive: true, force: true }) };
}

async function openTemporary() {
  await using undo = new AsyncDisposableStack();
  const { path } = undo.use(await temporaryDirectory());
  const store = undo.use(await openStore(path));
  const { db } = store;
  const resources = undo.move();
  return {
    ...store,
    path,
    insert: (name: string) =>
      db.insertInto('tenants').values({ id: newTenantId(), name, created_at: 0 }).compile(),
    rename: (from: string, to: string) =>
      db.updateTable('tenants').set({ name: to }).where('name', '=', from).compile(),
    names: async () =>
      (await db.selectFrom('tenants').select('name').orderBy('name').execute()).map((row) => row.name),
    [Symbol.asyncDispose]: () => resources.disposeAsync(),
  };
}

test('a write is committed when its promise resolves, and not before its turn of the event loop', async () => {
  await using store = await openTemporary();
  const written = store.writer.write([store.insert('a')]);
  assert.deepEqual(await store.names(), []);
  await written;
  assert.deepEqual(await store.names(), ['a']);
});

test('a failing write fails alone, with the error of the database', async () => {
  await using store = await openTemporary();
  const writes = ['a', 'b', 'a', 'c'].map((name) => store.writer.write([store.insert(name)]));
  const settled = await Promise.allSettled(writes);
  assert.deepEqual(
    settled.map(({ status }) => status),
    ['fulfilled', 'fulfilled', 'rejected', 'fulfilled'],
  );
  await assert.rejects(writes[2] ?? Promise.resolve(), /UNIQUE constraint failed: tenants\.name/);
  assert.deepEqual(await store.names(), ['a', 'b', 'c']);
});

test('the statements of one write run all or nothing, alone or together with others', async () => {
  await using store = await openTemporary();
  await store.writer.write([store.insert('taken')]);
  const half = () => store.writer.write([store.insert('half'), store.insert('taken')]);
  await assert.rejects(half());
  assert.deepEqual(await store.names(), ['taken']);
  const together = await Promise.allSettled([
    store.writer.write([store.insert('b'), store.insert('c')]),
    half(),
    store.writer.write([store.insert('d')]),
  ]);
  assert.deepEqual(
    together.map(({ status }) => status),
    ['fulfilled', 'rejected', 'fulfilled'],
  );
  assert.deepEqual(await store.names(), ['b', 'c', 'd', 'taken']);
});

test('writes are applied in the order of their calls, however many there are and whatever fails', async () => {
  await using store = await openTemporary();
  await store.writer.write([store.insert('0')]);
  const resolved: number[] = [];
  const writes = Array.from({ length: 1000 }, async (_, index) => {
    await store.writer.write([store.rename(`${index}`, `${index + 1}`)]);
    resolved.push(index);
  });
  const failing = store.writer.write([store.insert('1000')]);
  await Promise.all(writes);
  await assert.rejects(failing);
  assert.deepEqual(await store.names(), ['1000']);
  assert.deepEqual(
    resolved,
    Array.from({ length: 1000 }, (_, index) => index),
  );
});

test('a change whose first statement changes nothing writes nothing, alone or together with others', async () => {
  await using store = await openTemporary();
  const { writer } = store;
  const event = (path: string) =>
    ({
      at: 0,
      tenantId: TENANT,
      principal: SYSTEM,
      action: 'file.deleted',
      subject: 's',
      details: { path },
    }) as const;
  const change = (from: string, to: string) =>
    writer.change([store.rename(from, to), store.insert(`${from}-${to}`)], [event(`${from}-${to}`)]);
  assert.equal(await change('none', 'x'), false);
  await writer.write([store.insert('a')]);
  assert.equal(await change('a', 'b'), true);
  const together = await Promise.all([
    change('b', 'c'),
    change('b', 'd'),
    writer.write([store.insert('other')]),
    writer.changeAnyway([store.rename('c', 'e')]),
  ]);
  assert.deepEqual(together, [true, false, undefined, true]);
  assert.deepEqual(await store.names(), ['a-b', 'b-c', 'e', 'other']);
  const trail = await auditRepository(store.db, writer).list(TENANT, { limit: 100, before: undefined });
  assert.deepEqual(
    trail.map(({ details }) => details['path']),
    ['b-c', 'a-b'],
  );
});

test('a change of several rows is one change, and a failing one is rejected, also among others', async () => {
  await using store = await openTemporary();
  const { writer } = store;
  await writer.write([store.insert('a'), store.insert('b')]);
  const settled = await Promise.allSettled([
    writer.change([store.rename('a', 'b')]),
    writer.change([store.rename('a', 'c'), store.insert('b')]),
    writer.change([store.rename('a', 'd')]),
    writer.change([store.rename('a', 'e')]),
  ]);
  assert.deepEqual(
    settled.map((one) => (one.status === 'fulfilled' ? one.value : 'rejected')),
    ['rejected', 'rejected', true, false],
  );
  const all = store.db.updateTable('tenants').set({ created_at: 5 }).compile();
  assert.equal(await writer.change([all]), true);
});

test('the writes of one turn are one commit, those of a very long turn a few', async () => {
  await using store = await openTemporary();
  using database = new DatabaseSync(':memory:');
  database.exec('create table tenants (id text, name text, created_at integer)');
  const prepare = statementCache(database);
  const commits: string[] = [];
  const writer = new GroupCommit({
    database,
    prepare: (text) => {
      if (text === 'commit') commits.push(text);
      return prepare(text);
    },
    trail: auditStatements(store.db),
    shared: false,
    exclusively: (act) => act(),
  });
  const writeMany = (count: number) =>
    Promise.all(Array.from({ length: count }, (_, index) => writer.write([store.insert(`${index}`)])));
  await writeMany(100);
  assert.deepEqual(commits, ['commit']);
  await writeMany(1000);
  assert.ok(commits.length > 2 && commits.length < 10, `${commits.length} commits`);
  await writer.close();
});

test('a write waits for an open transaction of others, and is not part of it', async () => {
  await using store = await openTemporary();
  const events: string[] = [];
  const gate = Promise.withResolvers<undefined>();
  const opened = Promise.withResolvers<undefined>();
  const others = store.db.transaction().execute(async (transaction) => {
    await transaction.executeQuery(store.insert('rolled back'));
    opened.resolve(undefined);
    await gate.promise;
    events.push('others');
    throw new Error('undo');
  });
  await opened.promise;
  const writes = ['a', 'b'].map(async (name) => {
    await store.writer.write([store.insert(name)]);
    events.push(name);
  });
  // Two turns: enough for a write that does not wait.
  for (let turn = 0; turn < 2; turn += 1) await new Promise(setImmediate);
  gate.resolve(undefined);
  await assert.rejects(others, /undo/);
  await Promise.all(writes);
  assert.deepEqual(events, ['others', 'a', 'b']);
  assert.deepEqual(await store.names(), ['a', 'b']);
});

test('closing commits pending writes, and refuses later ones', async () => {
  await using directory = await temporaryDirectory();
  {
    const store = await openStore(directory.path);
    const insert = (name: string) =>
      store.writer.write([
        store.db.insertInto('tenants').values({ id: newTenantId(), name, created_at: 0 }).compile(),
      ]);
    const waiting = Array.from({ length: 600 }, (_, index) => insert(`${index}`));
    const closed = store[Symbol.asyncDispose]();
    await assert.rejects(insert('late'), /closed/);
    await Promise.all([...waiting, closed]);
  }
  await using again = await openStore(directory.path);
  assert.equal((await again.db.selectFrom('tenants').select('id').execute()).length, 600);
});

test('committed writes survive kill -9, and unfinished executions are found', async () => {
  await using directory = await temporaryDirectory();
  const tenantId = await makeTenant(directory.path);
  const program = fork(join(import.meta.dirname, 'writing-until-killed.testing.ts'), [
    directory.path,
    tenantId,
  ]);
  const reported = new Map<ExecutionId, string>();
  program.on('message', ({ id, state }: { id: ExecutionId; state: string }) => {
    reported.set(id, state);
    if (reported.size === 500) program.kill('SIGKILL');
  });
  const [, signal] = (await once(program, 'close')) as [number | null, string | null];
  assert.equal(signal, 'SIGKILL');
  assert.ok(reported.size >= 500);

  await using store = await openStore(directory.path);
  const check = await sql<{ integrity_check: string }>`pragma integrity_check`.execute(store.db);
  assert.deepEqual(
    check.rows.map((row) => row.integrity_check),
    ['ok'],
  );
  const executions = executionRepository(store.db, store.writer);
  const unfinished = new Set((await Array.fromAsync(executions.unfinished())).map(({ record }) => record.id));
  assert.ok(unfinished.size > 0);
  const pagesOf = async (id: ExecutionId) => (await executions.read(tenantId, id))?.output.pageCount;
  for (const [id, state] of reported) {
    const record = await executions.find(tenantId, id);
    assert.ok(record, id);
    if (state === 'running') continue;
    assert.equal(record.state.status, state);
    assert.equal(unfinished.has(id), false);
    assert.equal(await pagesOf(id), 1);
  }
  const rows = await executions.list(tenantId, {
    limit: 100_000,
    after: undefined,
    status: undefined,
    sessionId: undefined,
  });
  for (const { id, state } of rows) {
    assert.equal(unfinished.has(id), state.status === 'running');
    assert.equal(await pagesOf(id), state.status === 'running' ? 0 : 1);
  }
  const audit = auditRepository(store.db, store.writer);
  const trail = await audit.list(tenantId, { limit: 100_000, before: undefined });
  assert.equal(findBreak(trail.toReversed()), undefined);
  const ended = rows.filter(({ state }) => state.status === 'succeeded').map(({ id }) => id);
  const recorded = trail
    .filter(({ action }) => action === 'execution.finished')
    .map(({ subject }) => subject);
  assert.deepEqual(recorded.toSorted(), ended.toSorted());
});

async function makeTenant(dataDir: string): Promise<TenantId> {
  await using store = await openStore(dataDir);
  const id = newTenantId();
  await tenantRepository(store.db, store.writer).addTenant(
    { id, name: 'tenant', createdAt: 0 },
    { id: newApiKeyId(), tenantId: id, name: 'key', hash: 'hash', role: 'member', createdAt: 0 },
  );
  return id;
}
