import { hash } from 'node:crypto';
import type { AuditEvent } from '@caisson/protocol/api';
import { rfc3339 } from '../views/execution-view.ts';
import type { AuditRecord, ChainEnd, NewAuditRecord } from './audit-record.ts';

/** What the first record of a tenant goes on from. */
export const CHAIN_START: ChainEnd = { sequence: 0, hash: '0'.repeat(64) };

/** Gives a record its place behind `end`. */
export function chained(record: NewAuditRecord, end: ChainEnd): AuditRecord {
  const placed = { ...record, sequence: end.sequence + 1, previousHash: end.hash };
  return { ...placed, hash: hashOf(placed) };
}

/** The event as the API tells it. */
export function auditEventOf(record: AuditRecord): AuditEvent {
  return { ...hashedPartOf(record), hash: record.hash };
}

export interface ChainBreak {
  /** The first place where the trail is not as it was written. */
  readonly sequence: number;
  /** The record there is missing, was changed, or does not go on from the one before, which so was replaced. */
  readonly problem: 'missing' | 'changed' | 'does_not_follow';
}

/**
 * Where `records` of one tenant, oldest first, are not what was once written one after another behind `end`, which is a
 * checkpoint where older ones were removed for their age; `undefined` if they are. That the newest are missing, or that all from some place on were written anew, shows only against a hash kept elsewhere.
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

/** Whether the trail itself tells that its events up to `checkpoint` were removed, and not just the checkpoint beside it. */
export function tellsOf(records: Iterable<AuditRecord>, { sequence, hash: last }: ChainEnd): boolean {
  for (const { action, details } of records) {
    if (action === 'audit.trimmed' && details['sequence'] === sequence && details['hash'] === last)
      return true;
  }
  return false;
}

/** SHA-256 of the canonical JSON (RFC 8785), which `docs/audit.md` tells others how to compute. */
function hashOf(record: Omit<AuditRecord, 'hash'>): string {
  return hash('sha256', JSON.stringify(hashedPartOf(record)));
}

/** With the names in the order of the alphabet `JSON.stringify` writes what RFC 8785 wants: it was modelled on it. */
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
