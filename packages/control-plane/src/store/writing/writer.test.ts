import assert from 'node:assert/strict';
import { test } from 'node:test';
import {
  DummyDriver,
  Kysely,
  PostgresAdapter,
  PostgresIntrospector,
  PostgresQueryCompiler,
  sql,
} from 'kysely';
import type { CompiledQuery, DatabaseConnection, QueryResult } from 'kysely';
import { newTenantId, SYSTEM } from '@caisson/protocol/api';
import type { TenantId } from '@caisson/protocol/api';
import type { NewAuditRecord } from '../../audit/audit-record.ts';
import type { Tables } from '../tables.ts';
import { transactionWriter } from './writer.ts';

/** A database that records its statements, and answers that none or one row was changed. */
class RecordingDriver extends DummyDriver {
  readonly statements: string[] = [];
  changes = 1n;

  override acquireConnection(): Promise<DatabaseConnection> {
    const connection = {
      executeQuery: <Row>({ sql: text }: CompiledQuery): Promise<QueryResult<Row>> => {
        this.statements.push(text);
        return Promise.resolve({ rows: [], numAffectedRows: this.changes });
      },
      async *streamQuery() {
        // Never used.
      },
    };
    return Promise.resolve(connection);
  }
}

function open() {
  const driver = new RecordingDriver();
  const db = new Kysely<Tables>({
    dialect: {
      createAdapter: () => new PostgresAdapter(),
      createDriver: () => driver,
      createIntrospector: (one) => new PostgresIntrospector(one),
      createQueryCompiler: () => new PostgresQueryCompiler(),
    },
  });
  const locked: (readonly TenantId[])[] = [];
  const writer = transactionWriter(db, (tenantIds) => {
    locked.push(tenantIds);
    return sql`lock`.compile(db);
  });
  return { db, driver, locked, writer, change: sql`change`.compile(db), other: sql`other`.compile(db) };
}

function event(tenantId: TenantId): NewAuditRecord {
  const action = 'file.deleted';
  return { at: 0, tenantId, principal: SYSTEM, action, subject: 's', details: {} };
}

test('a transaction first locks the trails that it appends to, always in the same order', async () => {
  const { driver, locked, writer, change, other } = open();
  const [a, b] = [newTenantId(), newTenantId()].toSorted() as [TenantId, TenantId];
  await writer.write([change], [event(b), event(a), event(b)]);
  assert.deepEqual(locked, [[a, b]]);
  assert.deepEqual(driver.statements.slice(0, 2), ['lock', 'change']);
  assert.equal(driver.statements.length, 2 + 3 * 2);
  driver.statements.length = 0;
  assert.equal(await writer.change([change, other], [event(a)]), true);
  assert.deepEqual(driver.statements.slice(0, 3), ['lock', 'change', 'other']);
  driver.statements.length = 0;
  await writer.write([change]);
  assert.deepEqual(driver.statements, ['change']);
});

test('if the first statement changes no row, no other runs', async () => {
  const { driver, writer, change, other } = open();
  driver.changes = 0n;
  assert.equal(await writer.change([change, other], [event(newTenantId())]), false);
  assert.deepEqual(driver.statements, ['lock', 'change']);
});
