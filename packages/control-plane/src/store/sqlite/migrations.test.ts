import assert from 'node:assert/strict';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { newApiKeyId, newTenantId } from '@caisson/protocol/api';
import { Kysely, sql } from 'kysely';
import { Migrator } from 'kysely/migration';
import { migrations } from '../migrations.ts';
import { COLUMN_TYPES, DATABASE_FILE, openStore } from './database.ts';
import { openSqlite, sqliteDialect, statementCache } from './driver.ts';
import { tenantRepository } from '../tenants.ts';
import type { Tables } from '../tables.ts';

test('a key from before roles becomes an operator; a key inserted without a role does not', async () => {
  const dataDir = await mkdtemp(join(tmpdir(), 'caisson-migrations-'));
  await using undo = new AsyncDisposableStack();
  undo.defer(() => rm(dataDir, { recursive: true, force: true }));
  const database = openSqlite(join(dataDir, DATABASE_FILE));
  const before = new Kysely<Tables>({ dialect: sqliteDialect(database, statementCache(database)) });
  const provider = { getMigrations: () => Promise.resolve(migrations(COLUMN_TYPES)) };
  await new Migrator({ db: before, provider }).migrateTo('0002-audit-events');
  const tenantId = newTenantId();
  await before.insertInto('tenants').values({ id: tenantId, name: 'default', created_at: 0 }).execute();
  const addKey = (db: Kysely<Tables>, hash: string) =>
    sql`insert into api_keys (id, tenant_id, name, hash, created_at)
        values (${newApiKeyId()}, ${tenantId}, 'key', ${hash}, 0)`.execute(db);
  await addKey(before, 'old');
  await before.destroy();

  const { db, writer } = undo.use(await openStore(dataDir));
  await addKey(db, 'without');
  const tenants = tenantRepository(db, writer);
  assert.deepEqual((await tenants.findPrincipal('old'))?.roles, ['operator']);
  assert.deepEqual((await tenants.findPrincipal('without'))?.roles, ['member']);
});

test('migrations run all or nothing', async () => {
  const dataDir = await mkdtemp(join(tmpdir(), 'caisson-migrations-'));
  await using undo = new AsyncDisposableStack();
  undo.defer(() => rm(dataDir, { recursive: true, force: true }));
  const database = openSqlite(join(dataDir, DATABASE_FILE));
  const db = new Kysely<Tables>({ dialect: sqliteDialect(database, statementCache(database)) });
  undo.defer(() => db.destroy());
  const halfway = {
    ...migrations(COLUMN_TYPES),
    '9999-fails': { up: () => Promise.reject(new Error('halfway')) },
  };
  const provider = { getMigrations: () => Promise.resolve(halfway) };
  const { error } = await new Migrator({ db, provider }).migrateToLatest();
  assert.match(String(error), /halfway/);
  const tables = await db.introspection.getTables();
  assert.deepEqual(
    tables.map(({ name }) => name),
    [],
  );
  await using store = await openStore(dataDir);
  assert.equal((await store.db.selectFrom('tenants').select('id').execute()).length, 0);
});
