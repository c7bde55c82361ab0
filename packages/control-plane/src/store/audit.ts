import type { Kysely } from 'kysely';
import type { TenantId } from '@caisson/protocol/api';
import type { AuditRecord, ChainEnd, NewAuditRecord } from '../audit/audit-record.ts';
import { fromAuditRow } from './statements/audit-rows.ts';
import type { Tables } from './tables.ts';
import type { Writer } from './writing/writer.ts';

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
  /** The newest event of the tenant that was removed for its age. */
  checkpoint(tenantId: TenantId): Promise<ChainEnd | undefined>;
}

export function auditRepository(db: Kysely<Tables>, writer: Writer): AuditRepository {
  return {
    append: (record) => writer.writeAnyway([], [record]),
    async list(tenantId, { limit, before }) {
      const begin = (await readCheckpoint(db, tenantId))?.sequence ?? 0;
      // Those that are just being removed are no longer told.
      let query = db
        .selectFrom('audit_events')
        .selectAll()
        .where('tenant_id', '=', tenantId)
        .where('sequence', '>', begin);
      if (before !== undefined) query = query.where('sequence', '<', before);
      return (await query.orderBy('sequence', 'desc').limit(limit).execute()).map(fromAuditRow);
    },
    checkpoint: (tenantId) => readCheckpoint(db, tenantId),
  };
}

export async function readCheckpoint(db: Kysely<Tables>, tenantId: TenantId): Promise<ChainEnd | undefined> {
  return db
    .selectFrom('audit_checkpoints')
    .select(['sequence', 'hash'])
    .where('tenant_id', '=', tenantId)
    .executeTakeFirst();
}
