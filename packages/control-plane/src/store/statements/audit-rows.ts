import type { TenantId } from '@caisson/protocol/api';
import { sql } from 'kysely';
import type { CompiledQuery, Kysely } from 'kysely';
import type { AuditRecord, ChainEnd } from '../../audit/audit-record.ts';
import { prepareQuery } from '../writing/prepared-query.ts';
import type { AuditEventsTable, Tables } from '../tables.ts';

/** Statements with which a `Writer` appends to the trail. */
export interface AuditStatements {
  /** The end of a tenant's trail; no row if it is empty. */
  end(tenantId: TenantId): CompiledQuery;
  insert(record: AuditRecord): CompiledQuery;
}

export function auditStatements(db: Kysely<Tables>): AuditStatements {
  const insert = prepareQuery<AuditEventsTable>((value) =>
    db.insertInto('audit_events').values({
      sequence: value('sequence'),
      at: value('at'),
      tenant_id: value('tenant_id'),
      principal: value('principal'),
      action: value('action'),
      subject: value('subject'),
      details_json: value('details_json'),
      previous_hash: value('previous_hash'),
      hash: value('hash'),
    }),
  );
  const end = prepareQuery<Pick<AuditEventsTable, 'tenant_id'>>((value) =>
    db
      .selectFrom('audit_events')
      .select(['sequence', 'hash'] satisfies (keyof ChainEnd)[])
      .where('tenant_id', '=', value('tenant_id'))
      .orderBy('sequence', 'desc')
      // As a parameter it would make some databases replan the statement each time.
      .limit(sql.lit(1)),
  );
  return {
    end: (tenantId) => end({ tenant_id: tenantId }),
    insert: (record) => insert(toAuditRow(record)),
  };
}

export function fromAuditRow(row: AuditEventsTable): AuditRecord {
  return {
    sequence: row.sequence,
    at: row.at,
    tenantId: row.tenant_id,
    principal: row.principal,
    action: row.action,
    subject: row.subject,
    details: JSON.parse(row.details_json) as AuditRecord['details'],
    previousHash: row.previous_hash,
    hash: row.hash,
  };
}

function toAuditRow(record: AuditRecord): AuditEventsTable {
  return {
    sequence: record.sequence,
    at: record.at,
    tenant_id: record.tenantId,
    principal: record.principal,
    action: record.action,
    subject: record.subject,
    details_json: JSON.stringify(record.details),
    previous_hash: record.previousHash,
    hash: record.hash,
  };
}
