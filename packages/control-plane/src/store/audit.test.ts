import assert from 'node:assert/strict';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { Kysely, sql } from 'kysely';
import { Migrator } from 'kysely/migration';
import { newApiKeyId, newExecutionId, newTenantId, RUNNING, SYSTEM } from '@caisson/protocol/api';
import { findBreak } from '../audit/chain.ts';
import { advance, queuedExecution } from '../model/execution-record.ts';
import { auditRepository } from './audit.ts';
import { fromAuditRow } from './statements/audit-rows.ts';
import { COLUMN_TYPES, DATABASE_FILE, openStore } from './sqlite/database.ts';
import type { Store } from './store.ts';
import { executionRepository } from './executions.ts';
import { migrations } from './migrations.ts';
import { openSqlite, sqliteDialect, statementCache } from './sqlite/driver.ts';
import type { Tables } from './tables.ts';
import { tenantRepository } from './tenants.ts';
import { transactionWriter } from './writing/writer.ts';
import { LOST, SUCCEEDED } from '../testing/outcomes.ts';

async function openTemporary() {
  await using undo = new AsyncDisposableStack();
  const path = await mkdtemp(join(tmpdir(), 'caisson-audit-'));
  undo.defer(() => rm(path, { recursive: true, force: true }));
  const store = undo.use(await openStore(path));
  const resources = undo.move();
  return { ...store, path, [Symbol.asyncDispose]: () => resources.disposeAsync() };
}

async function addTenant({ db, writer }: Store, name: string) {
  const id = newTenantId();
  await tenantRepository(db, writer).addTenant(
    { id, name, createdAt: 0 },
    { id: newApiKeyId(), tenantId: id, name: 'key', hash: name, role: 'member', createdAt: 0 },
  );
  return id;
}

async function wholeTrail({ db }: Store) {
  return (await db.selectFrom('audit_events').selectAll().orderBy('sequence').execute()).map(fromAuditRow);
}

function record(tenantId: ReturnType<typeof newTenantId>, path: string) {
  const action = 'file.deleted' as const;
  return { at: 0, tenantId, principal: SYSTEM, action, subject: 'ses', details: { path } } as const;
}

test('events written together or alone form one chain per tenant', async () => {
  await using store = await openTemporary();
  const tenants = [await addTenant(store, 'a'), await addTenant(store, 'b')];
  const audit = auditRepository(store.db, store.writer);
  for (const id of tenants) await audit.append(record(id, 'alone'));
  await Promise.all(
    Array.from({ length: 600 }, (_, index) =>
      audit.append(record(tenants[index % 2] ?? newTenantId(), `${index}`)),
    ),
  );
  for (const id of tenants) {
    const trail = await audit.list(id, { limit: 1000, before: undefined });
    assert.equal(trail.length, 2 + 1 + 300);
    assert.equal(findBreak(trail.toReversed()), undefined);
  }
});

test('the chain continues from the last event of another writer or process', async () => {
  await using store = await openTemporary();
  const tenant = await addTenant(store, 'tenant');
  const simple = transactionWriter(store.db, () => undefined);
  await simple.write([], [record(tenant, 'x'), record(tenant, 'y')]);
  await simple.write([], [record(tenant, 'z')]);
  await store.db.destroy();
  await using again = await openStore(store.path);
  await auditRepository(again.db, again.writer).append(record(tenant, 'behind it'));
  const trail = await wholeTrail(again);
  assert.equal(trail.length, 2 + 3 + 1);
  assert.equal(findBreak(trail), undefined);
});

test('a failing write leaves no event and no gap, alone and among others', async () => {
  await using store = await openTemporary();
  const tenant = await addTenant(store, 'taken');
  const write = (name: string) =>
    store.writer.write(
      [store.db.insertInto('tenants').values({ id: newTenantId(), name, created_at: 0 }).compile()],
      [record(tenant, name)],
    );
  await assert.rejects(write('taken'));
  const settled = await Promise.allSettled(['a', 'taken', 'b', 'taken', 'c'].map(write));
  assert.equal(settled.filter(({ status }) => status === 'rejected').length, 2);
  const trail = await wholeTrail(store);
  assert.equal(findBreak(trail), undefined);
  assert.deepEqual(
    trail.slice(2).map(({ details }) => details['path']),
    ['a', 'b', 'c'],
  );
});

test('if the event cannot be written, neither is the change', async () => {
  await using store = await openTemporary();
  const tenantId = await addTenant(store, 'tenant');
  const executions = executionRepository(store.db, store.writer);
  const id = newExecutionId();
  const fields = { id, tenantId, sessionId: null, language: 'python', templateId: 'python' } as const;
  const given = { ...fields, codeSha256: '0'.repeat(64), submittedBy: null, replicaId: null, createdAt: 0 };
  const running = advance(queuedExecution(given), RUNNING, 0);
  assert.ok(running);
  await executions.insert(running, null);
  await sql`create trigger refuse before insert on audit_events begin select raise(abort, 'full'); end`.execute(
    store.db,
  );
  const ended = advance(running, SUCCEEDED, 1);
  assert.ok(ended);
  await assert.rejects(executions.finish(ended, [{ type: 'stdout', text: 'x' }], SYSTEM), /full/);
  assert.equal((await executions.find(tenantId, id))?.state.status, 'running');
  assert.equal((await executions.read(tenantId, id))?.output.pageCount, 0);
});

test('a tenant reads its own events, newest first, page by page', async () => {
  await using store = await openTemporary();
  const mine = await addTenant(store, 'mine');
  const other = await addTenant(store, 'other');
  const audit = auditRepository(store.db, store.writer);
  for (const path of ['1', '2', '3']) {
    await audit.append(record(mine, path));
    await audit.append(record(other, path));
  }
  const first = await audit.list(mine, { limit: 2, before: undefined });
  const second = await audit.list(mine, { limit: 100, before: first.at(-1)?.sequence });
  assert.deepEqual(
    [...first, ...second].map(({ action, details }) => details['path'] ?? action),
    ['3', '2', '1', 'api_key.created', 'tenant.created'],
  );
});

test('a database from before the audit trail keeps its data and gets an empty trail', async () => {
  const path = await mkdtemp(join(tmpdir(), 'caisson-audit-'));
  await using undo = new AsyncDisposableStack();
  undo.defer(() => rm(path, { recursive: true, force: true }));
  const database = openSqlite(join(path, DATABASE_FILE));
  const old = new Kysely<Tables>({ dialect: sqliteDialect(database, statementCache(database)) });
  const initial = {
    '0001-initial': migrations(COLUMN_TYPES)['0001-initial'] ?? assert.fail('it has another name'),
  };
  const { error } = await new Migrator({
    db: old,
    provider: { getMigrations: () => Promise.resolve(initial) },
  }).migrateToLatest();
  assert.equal(error, undefined);
  const tenantId = newTenantId();
  const id = newExecutionId();
  await old.insertInto('tenants').values({ id: tenantId, name: 'old', created_at: 0 }).execute();
  await sql`insert into executions (id, tenant_id, status, language, template_id, code_sha256, created_at, truncated,
    kernel_restarted) values (${id}, ${tenantId}, 'running', 'python', 'python', '', 0, 0, 0)`.execute(old);
  await old.destroy();

  const store = undo.use(await openStore(path));
  const executions = executionRepository(store.db, store.writer);
  assert.deepEqual(await wholeTrail(store), []);
  const running = (await executions.read(tenantId, id))?.record;
  assert.equal(running?.submittedBy, null);
  const lost = advance(running, LOST, 1);
  assert.ok(lost);
  await executions.finish(lost, [], SYSTEM);
  const trail = await wholeTrail(store);
  assert.deepEqual(
    trail.map(({ sequence, subject, details }) => [sequence, subject, details['reason']]),
    [[1, id, 'sandbox_lost']],
  );
  assert.equal(findBreak(trail), undefined);
});
