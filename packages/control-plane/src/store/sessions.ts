import type { Kysely } from 'kysely';
import type { Language, SessionId, SessionStatus, TenantId } from '@caisson/protocol';
import type { Actor } from '../audit/audit-record.ts';
import { sessionChanged } from '../audit/records.ts';
import type { SessionAction } from '../audit/records.ts';
import type { SessionRecord } from '../model/session-record.ts';
import type { SessionsTable, Tables } from './tables.ts';
import { transactionWriter } from './writing/writer.ts';
import type { Writer } from './writing/writer.ts';

export interface SessionFilter {
  readonly limit: number;
  /** The last id of the page before. */
  readonly after: string | undefined;
  readonly status: SessionStatus | undefined;
}

export interface SessionRepository {
  /** The audit trail tells of it in the same transaction, as with `change`. */
  insert(record: SessionRecord, by: Actor): Promise<void>;
  /** Writes what `action` of `by` has made of it. */
  change(record: SessionRecord, action: SessionAction, by: Actor): Promise<void>;
  /** Writes what came of it by itself: the sandbox is there. */
  update(record: SessionRecord): Promise<void>;
  find(tenantId: TenantId, id: SessionId): Promise<SessionRecord | undefined>;
  /** Newest first. */
  list(tenantId: TenantId, filter: SessionFilter): Promise<SessionRecord[]>;
  /** Of all tenants. */
  live(): Promise<SessionRecord[]>;
}

export function sessionRepository(
  db: Kysely<Tables>,
  writer: Writer = transactionWriter(db),
): SessionRepository {
  const update = (record: SessionRecord) => {
    const { status, reason, runtime, last_used_at, expires_at, terminated_at } = toRow(record);
    return db
      .updateTable('sessions')
      .set({ status, reason, runtime, last_used_at, expires_at, terminated_at })
      .where('id', '=', record.id)
      .compile();
  };
  return {
    insert(record, by) {
      const row = db.insertInto('sessions').values(toRow(record)).compile();
      return writer.write([row], [sessionChanged(record, 'session.created', by)]);
    },
    change: (record, action, by) =>
      writer.writeAnyway([update(record)], [sessionChanged(record, action, by)]),
    update: (record) => writer.writeAnyway([update(record)]),
    async find(tenantId, id) {
      const row = await db
        .selectFrom('sessions')
        .selectAll()
        .where('id', '=', id)
        .where('tenant_id', '=', tenantId)
        .executeTakeFirst();
      return row && fromRow(row);
    },
    async list(tenantId, { limit, after, status }) {
      let query = db.selectFrom('sessions').selectAll().where('tenant_id', '=', tenantId);
      if (after !== undefined) query = query.where('id', '<', after as SessionId);
      if (status !== undefined) query = query.where('status', '=', status);
      return (await query.orderBy('id', 'desc').limit(limit).execute()).map(fromRow);
    },
    async live() {
      const rows = await db.selectFrom('sessions').selectAll().where('terminated_at', 'is', null).execute();
      return rows.map(fromRow);
    },
  };
}

function toRow(record: SessionRecord): SessionsTable {
  const { resources } = record;
  return {
    id: record.id,
    tenant_id: record.tenantId,
    sandbox_id: record.sandboxId,
    status: record.state.status,
    reason: record.state.reason,
    template_id: record.templateId,
    languages_json: JSON.stringify(record.languages),
    runtime: record.runtime,
    isolation: record.isolation,
    cpu_millicores: resources.cpuMillicores,
    memory_bytes: resources.memoryBytes,
    disk_bytes: resources.diskBytes,
    pids: resources.pids,
    metadata_json: JSON.stringify(record.metadata),
    idle_timeout_ms: record.idleTimeoutMs,
    created_at: record.createdAt,
    last_used_at: record.lastUsedAt,
    expires_at: record.expiresAt,
    terminated_at: record.terminatedAt,
  };
}

function fromRow(row: SessionsTable): SessionRecord {
  return {
    id: row.id,
    tenantId: row.tenant_id,
    sandboxId: row.sandbox_id,
    state: { status: row.status, reason: row.reason },
    templateId: row.template_id,
    languages: JSON.parse(row.languages_json) as [Language, ...Language[]],
    runtime: row.runtime,
    isolation: row.isolation,
    resources: {
      cpuMillicores: row.cpu_millicores,
      memoryBytes: row.memory_bytes,
      diskBytes: row.disk_bytes,
      pids: row.pids,
    },
    metadata: JSON.parse(row.metadata_json) as Record<string, string>,
    idleTimeoutMs: row.idle_timeout_ms,
    createdAt: row.created_at,
    lastUsedAt: row.last_used_at,
    expiresAt: row.expires_at,
    terminatedAt: row.terminated_at,
  };
}
