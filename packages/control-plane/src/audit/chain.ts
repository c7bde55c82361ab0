import { hash } from 'node:crypto';
import type { AuditEvent } from '@caisson/protocol/api';
import { rfc3339 } from '../views/execution-view.ts';
import type { AuditRecord, ChainEnd, NewAuditRecord } from './audit-record.ts';

/** The first record of a tenant continues from here. */
export const CHAIN_START: ChainEnd = { sequence: 0, hash: '0'.repeat(64) };

/** The record as it follows `end` in the chain. */
export function chained(record: NewAuditRecord, end: ChainEnd): AuditRecord {
  const linked = { ...record, sequence: end.sequence + 1, previousHash: end.hash };
  return { ...linked, hash: hashOf(linked) };
}

/** The event as the API returns it. */
export function auditEventOf(record: AuditRecord): AuditEvent {
  return { ...hashedPartOf(record), hash: record.hash };
}

export interface ChainBreak {
  /** Sequence number of the first record that is not as it was written. */
  readonly sequence: number;
  /** The record is missing, was changed, or does not follow from the previous one, which was then replaced. */
  readonly problem: 'missing' | 'changed' | 'does_not_follow';
}

/**
 * The first break in the `records` of one tenant, oldest first, which should follow `end`: a checkpoint if older records were
 * removed because of their age. `undefined` if the chain is intact. Missing newest records, or a chain rewritten from some record
 * on, can only be detected with a hash kept elsewhere.
 */
export function findBreak(records: Iterable<AuditRecord>, end = CHAIN_START): ChainBreak | undefined {
  let last = end;
  for (const record of records) {
    const sequence = last.sequence + 1;
    if (record.sequence !== sequence) return { sequence, problem: 'missing' };
    if (record.previousHash !== last.hash) return { sequence, problem: 'does_not_follow' };
    if (record.hash !== hashOf(record)) return { sequence, problem: 'changed' };
    last = record;
  }
  return undefined;
}

/** Whether the trail itself records that its events up to `checkpoint` were removed, not only the checkpoint table. */
export function recordsTrim(records: Iterable<AuditRecord>, { sequence, hash: last }: ChainEnd): boolean {
  for (const { action, details } of records) {
    if (action === 'audit.trimmed' && details['sequence'] === sequence && details['hash'] === last)
      return true;
  }
  return false;
}

/** SHA-256 of the canonical JSON (RFC 8785); `docs/audit.md` explains how to compute it. */
function hashOf(record: Omit<AuditRecord, 'hash'>): string {
  return hash('sha256', JSON.stringify(hashedPartOf(record)));
}

/** With names in alphabetical order, `JSON.stringify` writes the canonical JSON of RFC 8785. */
function hashedPartOf(record: Omit<AuditRecord, 'hash'>): Omit<AuditEvent, 'hash'> {
  return {
    action: record.action,
    at: rfc3339(record.at),
    details: record.details,
    previous_hash: record.previousHash,
    principal: record.principal,
    sequence: record.sequence,
    subject: record.subject,
    tenant_id: record.tenantId,
  };
}
