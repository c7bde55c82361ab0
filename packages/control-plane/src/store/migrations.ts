import { sql } from 'kysely';
import type { Kysely } from 'kysely';
import { Migrator } from 'kysely/migration';
import type { Migration } from 'kysely/migration';
import type { ColumnTypes } from './database.ts';
import type { Tables } from './tables.ts';

/** By name, in alphabetical order. A released migration is never edited; a change is a new migration. */
export function migrations(types: ColumnTypes): Readonly<Record<string, Migration>> {
  return {
    '0001-initial': { up: initial },
    '0002-audit-events': { up: auditEvents },
    '0003-api-key-roles': { up: apiKeyRoles },
    '0004-storage-probe': { up: (db) => storageProbe(db, types) },
    '0005-output-pages': { up: (db) => outputPages(db, types) },
    '0006-audit-checkpoints': { up: auditCheckpoints },
    '0007-nodes-and-replicas': { up: nodesAndReplicas },
  };
}

/** Migrates a database from any earlier version to the current one. */
export async function migrate(db: Kysely<Tables>, types: ColumnTypes): Promise<void> {
  const provider = { getMigrations: () => Promise.resolve(migrations(types)) };
  const { error } = await new Migrator({ db, provider }).migrateToLatest();
  if (error instanceof Error) throw error;
  if (error !== undefined) throw new Error('the migrations failed', { cause: error });
}

async function initial(db: Kysely<unknown>): Promise<void> {
  const { schema } = db as Kysely<Tables>;
  await schema
    .createTable('tenants')
    .addColumn('id', 'text', (column) => column.primaryKey())
    .addColumn('name', 'text', (column) => column.notNull().unique())
    .addColumn('created_at', 'bigint', (column) => column.notNull())
    .execute();
  await schema
    .createTable('api_keys')
    .addColumn('id', 'text', (column) => column.primaryKey())
    .addColumn('tenant_id', 'text', (column) => column.notNull().references('tenants.id'))
    .addColumn('name', 'text', (column) => column.notNull())
    .addColumn('hash', 'text', (column) => column.notNull().unique())
    .addColumn('created_at', 'bigint', (column) => column.notNull())
    .execute();
  await schema
    .createTable('sessions')
    .addColumn('id', 'text', (column) => column.primaryKey())
    .addColumn('tenant_id', 'text', (column) => column.notNull().references('tenants.id'))
    .addColumn('sandbox_id', 'text', (column) => column.notNull())
    .addColumn('status', 'text', (column) => column.notNull())
    .addColumn('reason', 'text')
    .addColumn('template_id', 'text', (column) => column.notNull())
    .addColumn('languages_json', 'text', (column) => column.notNull())
    .addColumn('runtime', 'text')
    .addColumn('isolation', 'text', (column) => column.notNull())
    .addColumn('cpu_millicores', 'bigint', (column) => column.notNull())
    .addColumn('memory_bytes', 'bigint', (column) => column.notNull())
    .addColumn('disk_bytes', 'bigint', (column) => column.notNull())
    .addColumn('pids', 'bigint', (column) => column.notNull())
    .addColumn('metadata_json', 'text', (column) => column.notNull())
    .addColumn('idle_timeout_ms', 'bigint')
    .addColumn('created_at', 'bigint', (column) => column.notNull())
    .addColumn('last_used_at', 'bigint', (column) => column.notNull())
    .addColumn('expires_at', 'bigint', (column) => column.notNull())
    .addColumn('terminated_at', 'bigint')
    .execute();
  await schema
    .createTable('executions')
    .addColumn('id', 'text', (column) => column.primaryKey())
    .addColumn('tenant_id', 'text', (column) => column.notNull().references('tenants.id'))
    .addColumn('session_id', 'text', (column) => column.references('sessions.id'))
    .addColumn('status', 'text', (column) => column.notNull())
    .addColumn('reason', 'text')
    .addColumn('language', 'text', (column) => column.notNull())
    .addColumn('template_id', 'text', (column) => column.notNull())
    .addColumn('runtime', 'text')
    .addColumn('isolation', 'text')
    .addColumn('isolation_scope', 'text')
    .addColumn('code_sha256', 'text', (column) => column.notNull())
    .addColumn('request_json', 'text')
    .addColumn('created_at', 'bigint', (column) => column.notNull())
    .addColumn('started_at', 'bigint')
    .addColumn('finished_at', 'bigint')
    .addColumn('duration_ms', 'double precision')
    .addColumn('cpu_ms', 'double precision')
    .addColumn('peak_memory_bytes', 'bigint')
    .addColumn('exit_code', 'integer')
    .addColumn('return_value_json', 'text')
    .addColumn('error_json', 'text')
    .addColumn('truncated', 'integer', (column) => column.notNull())
    .addColumn('kernel_restarted', 'integer', (column) => column.notNull())
    .execute();
  await schema
    .createTable('execution_outputs')
    .addColumn('execution_id', 'text', (column) => column.primaryKey().references('executions.id'))
    .addColumn('events_json', 'text', (column) => column.notNull())
    .execute();
  await schema
    .createTable('idempotency_keys')
    .addColumn('tenant_id', 'text', (column) => column.notNull().references('tenants.id'))
    .addColumn('endpoint', 'text', (column) => column.notNull())
    .addColumn('key', 'text', (column) => column.notNull())
    .addColumn('fingerprint', 'text', (column) => column.notNull())
    .addColumn('resource_id', 'text', (column) => column.notNull())
    .addColumn('created_at', 'bigint', (column) => column.notNull())
    .addPrimaryKeyConstraint('idempotency_keys_pk', ['tenant_id', 'endpoint', 'key'])
    .execute();
  await schema.createIndex('sessions_by_tenant').on('sessions').columns(['tenant_id', 'id']).execute();
  await schema.createIndex('executions_by_tenant').on('executions').columns(['tenant_id', 'id']).execute();
  // Partial indexes, for steps and for unfinished executions: most executions are jobs, and pay for neither index.
  await schema
    .createIndex('executions_by_session')
    .on('executions')
    .columns(['session_id', 'id'])
    .where(sql.ref('session_id'), 'is not', null)
    .execute();
  await schema
    .createIndex('executions_unfinished')
    .on('executions')
    .column('id')
    .where(sql.ref('finished_at'), 'is', null)
    .execute();
  await schema.createIndex('idempotency_keys_by_age').on('idempotency_keys').column('created_at').execute();
}

async function auditEvents(db: Kysely<unknown>): Promise<void> {
  const { schema } = db as Kysely<Tables>;
  await schema
    .createTable('audit_events')
    .addColumn('tenant_id', 'text', (column) => column.notNull())
    .addColumn('sequence', 'integer', (column) => column.notNull())
    .addColumn('at', 'bigint', (column) => column.notNull())
    .addColumn('principal', 'text', (column) => column.notNull())
    .addColumn('action', 'text', (column) => column.notNull())
    .addColumn('subject', 'text', (column) => column.notNull())
    .addColumn('details_json', 'text', (column) => column.notNull())
    .addColumn('previous_hash', 'text', (column) => column.notNull())
    .addColumn('hash', 'text', (column) => column.notNull())
    .addPrimaryKeyConstraint('audit_events_in_order', ['tenant_id', 'sequence'])
    .execute();
  await schema.alterTable('executions').addColumn('submitted_by', 'text').execute();
}

/** Earlier databases have only the key of the first start, an operator's. A key inserted without a role is not an operator's. */
async function apiKeyRoles(db: Kysely<unknown>): Promise<void> {
  await db.schema
    .alterTable('api_keys')
    .addColumn('role', 'text', (column) => column.notNull().defaultTo('member'))
    .execute();
  await (db as Kysely<Tables>).updateTable('api_keys').set({ role: 'operator' }).execute();
}

async function storageProbe(db: Kysely<unknown>, types: ColumnTypes): Promise<void> {
  await (db as Kysely<Tables>).schema
    .createTable('storage_probe')
    .addColumn('id', 'integer', (column) => column.primaryKey())
    .addColumn('filler', types.bytes, (column) => column.notNull())
    .execute();
}

async function outputPages(db: Kysely<unknown>, types: ColumnTypes): Promise<void> {
  const { schema } = db as Kysely<Tables>;
  await schema
    .createTable('execution_output_pages')
    .addColumn('execution_id', 'text', (column) => column.notNull().references('executions.id'))
    .addColumn('page', 'integer', (column) => column.notNull())
    .addColumn('first_event', 'integer', (column) => column.notNull())
    .addColumn('items', types.bytes, (column) => column.notNull())
    .addPrimaryKeyConstraint('execution_output_pages_pk', ['execution_id', 'page'])
    .execute();
  await schema.alterTable('executions').addColumn('output_bytes', 'bigint').execute();
  await schema.alterTable('executions').addColumn('output_items', types.bytes).execute();
  await schema
    .alterTable('executions')
    .addColumn('output_expired', 'integer', (column) => column.notNull().defaultTo(0))
    .execute();
  // A covering index: sums of a tenant's output read no rows.
  await schema
    .createIndex('executions_with_output')
    .on('executions')
    .columns(['tenant_id', 'id', 'output_bytes'])
    .where(sql.ref('output_bytes'), '>', sql.lit(0))
    .execute();
}

async function auditCheckpoints(db: Kysely<unknown>): Promise<void> {
  await (db as Kysely<Tables>).schema
    .createTable('audit_checkpoints')
    .addColumn('tenant_id', 'text', (column) => column.primaryKey())
    .addColumn('sequence', 'integer', (column) => column.notNull())
    .addColumn('hash', 'text', (column) => column.notNull())
    .execute();
}

async function nodesAndReplicas(db: Kysely<unknown>): Promise<void> {
  const { schema } = db as Kysely<Tables>;
  await schema
    .createTable('replicas')
    .addColumn('id', 'text', (column) => column.primaryKey())
    .addColumn('seen_at', 'bigint', (column) => column.notNull())
    .execute();
  await schema.alterTable('executions').addColumn('node_id', 'text').execute();
  await schema.alterTable('executions').addColumn('replica_id', 'text').execute();
  await schema.alterTable('sessions').addColumn('node_id', 'text').execute();
  // Covers the filters of reconciliation, so that no row of another node or replica is read; includes the column of the
  // condition, since otherwise an index-only scan may not be possible.
  await schema.dropIndex('executions_unfinished').execute();
  await schema
    .createIndex('executions_unfinished')
    .on('executions')
    .columns(['id', 'status', 'node_id', 'replica_id', 'finished_at'])
    .where(sql.ref('finished_at'), 'is', null)
    .execute();
  await schema
    .createIndex('sessions_live')
    .on('sessions')
    .columns(['tenant_id', 'terminated_at'])
    .where(sql.ref('terminated_at'), 'is', null)
    .execute();
}
