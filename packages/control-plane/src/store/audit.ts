import type { Kysely } from 'kysely';
import type { TenantId } from '@caisson/protocol/api';
import type { AuditRecord, ChainEnd, NewAuditRecord } from '../audit/audit-record.ts';
import { fromAuditRow } from './statements/audit-rows.ts';
import type { Tables } from './tables.ts';
import type { Writer } from './writing/writer.ts';

export interface AuditFilter {
  readonly limit: number;
  /** Sequence number of the last event on the previous page. */
  readonly before: number | undefined;
}

/** The audit trail. Changes of the database are recorded by the changing repository, in the same transaction. */
export interface AuditRepository {
  /** Records an action that changes nothing else in the database. */
  append(record: NewAuditRecord): Promise<void>;
  /** Newest first. */
  list(tenantId: TenantId, filter: AuditFilter): Promise<AuditRecord[]>;
  /** The newest event of the tenant that was removed because of its age. */
  checkpoint(tenantId: TenantId): Promise<ChainEnd | undefined>;
}

export function auditRepository(db: Kysely<Tables>, writer: Writer): AuditRepository {
  return {
    append: (record) => writer.writeAnyway([], [record]),
    async list(tenantId, { limit, before }) {
      const begin = (await readCheckpoint(db, tenantId))?.sequence ?? 0;
      // Events up to the checkpoint may still be there: they are being removed.
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
