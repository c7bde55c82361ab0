import type { Kysely } from 'kysely';
import type { TenantId } from '@caisson/protocol';
import type { AuditRecord, NewAuditRecord } from '../audit/audit-record.ts';
import { fromAuditRow } from './audit-rows.ts';
import type { Tables } from './tables.ts';
import type { Writer } from './writer.ts';

export interface AuditFilter {
  readonly limit: number;
  /** The last sequence of the page before. */
  readonly before: number | undefined;
}

/** The audit trail. What changes the database is recorded by the repository of what it changes, in one transaction. */
export interface AuditRepository {
  /** For what changes nothing in the database. */
  append(record: NewAuditRecord): Promise<void>;
  /** Newest first. */
  list(tenantId: TenantId, filter: AuditFilter): Promise<AuditRecord[]>;
}

export function auditRepository(db: Kysely<Tables>, writer: Writer): AuditRepository {
  return {
    append: (record) => writer.writeAnyway([], [record]),
    async list(tenantId, { limit, before }) {
      let query = db.selectFrom('audit_events').selectAll().where('tenant_id', '=', tenantId);
      if (before !== undefined) query = query.where('sequence', '<', before);
      return (await query.orderBy('sequence', 'desc').limit(limit).execute()).map(fromAuditRow);
    },
  };
}
