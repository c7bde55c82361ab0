import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { test } from 'node:test';
import { newApiKeyId, newSessionId, newTenantId, SYSTEM } from '@caisson/protocol/api';
import type { AuditRecord, NewAuditRecord } from './audit-record.ts';
import { auditEventOf, CHAIN_START, chained, findBreak } from './chain.ts';

const TENANTS = [newTenantId(), newTenantId()] as const;

function written(at: number): NewAuditRecord {
  const tenantId = TENANTS[at % 2 === 0 ? 0 : 1];
  const details = { path: `naïve "${at}"\n.txt`, size_bytes: at };
  return { at, tenantId, principal: newApiKeyId(), action: 'file.written', subject: newSessionId(), details };
}

function chainOf(length: number): AuditRecord[] {
  const records: AuditRecord[] = [];
  for (let at = 0; at < length; at += 1) records.push(chained(written(at), records.at(-1) ?? CHAIN_START));
  return records;
}

function at(records: readonly AuditRecord[], index: number): AuditRecord {
  const record = records[index];
  assert.ok(record);
  return record;
}

test('an unchanged chain is intact, from its start and from any record', () => {
  const records = chainOf(10);
  assert.equal(findBreak(records), undefined);
  assert.equal(findBreak(records.slice(4), at(records, 3)), undefined);
  assert.equal(findBreak([]), undefined);
});

test('the hash is the SHA-256 of the rest of the event, its names sorted', () => {
  const event = auditEventOf(at(chainOf(2), 1));
  const { hash, ...rest } = event;
  const sorted = (value: object): object =>
    Object.fromEntries(
      Object.entries(value)
        .toSorted(([a], [b]) => (a < b ? -1 : 1))
        .map(([name, one]: [string, unknown]) => [
          name,
          typeof one === 'object' && one !== null ? sorted(one) : one,
        ]),
    );
  assert.equal(
    createHash('sha256')
      .update(JSON.stringify(sorted(rest)))
      .digest('hex'),
    hash,
  );
});

const OTHER: Partial<AuditRecord>[] = [
  { at: 99 },
  { tenantId: newTenantId() },
  { principal: SYSTEM },
  { action: 'file.deleted' },
  { subject: newSessionId() },
  { details: {} },
  { hash: 'f'.repeat(64) },
];

test('a change of any field is found at its record', () => {
  for (const change of OTHER) {
    const records = chainOf(5);
    records[2] = { ...at(records, 2), ...change };
    assert.deepEqual(findBreak(records), { sequence: 3, problem: 'changed' }, Object.keys(change)[0]);
  }
});

test('a changed record with a recomputed hash is found at the next record', () => {
  const records = chainOf(5);
  records[2] = chained({ ...at(records, 2), details: {} }, at(records, 1));
  assert.deepEqual(findBreak(records), { sequence: 4, problem: 'does_not_follow' });
});

test('a removed record is found, even if later ones are renumbered', () => {
  const records = chainOf(5);
  records.splice(2, 1);
  assert.deepEqual(findBreak(records), { sequence: 3, problem: 'missing' });
  const movedUp = records.map((record, index) => ({ ...record, sequence: index + 1 }));
  assert.deepEqual(findBreak(movedUp), { sequence: 3, problem: 'does_not_follow' });
  assert.deepEqual(findBreak(chainOf(5).slice(1)), { sequence: 1, problem: 'missing' });
});

test('two swapped records are found, even if they are renumbered', () => {
  const records = chainOf(5);
  const swapped = records.with(1, at(records, 2)).with(2, at(records, 1));
  assert.deepEqual(findBreak(swapped), { sequence: 2, problem: 'missing' });
  const renumbered = swapped.map((record, index) => ({
    ...record,
    sequence: index + 1,
    previousHash: at(records, index).previousHash,
  }));
  assert.deepEqual(findBreak(renumbered), { sequence: 2, problem: 'changed' });
});

test('an inserted record is found', () => {
  const records = chainOf(5);
  const forged = chained(written(7), at(records, 1));
  assert.deepEqual(findBreak(records.toSpliced(2, 0, forged)), { sequence: 4, problem: 'missing' });
  const moved = records.slice(2).map((record) => ({ ...record, sequence: record.sequence + 1 }));
  const inserted = [...records.slice(0, 2), forged, ...moved];
  assert.deepEqual(findBreak(inserted), { sequence: 4, problem: 'does_not_follow' });
});

test('missing newest records are only detected with a saved hash', () => {
  const records = chainOf(5);
  const kept = at(records, 4).hash;
  const shortened = records.slice(0, 3);
  assert.equal(findBreak(shortened), undefined);
  assert.notEqual(shortened.at(-1)?.hash, kept);
});
