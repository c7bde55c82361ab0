import assert from 'node:assert/strict';
import { test } from 'node:test';
import { newTenantId } from '@caisson/protocol/api';
import type { SandboxRequest } from '@caisson/protocol/ports';
import { RecentRequesters } from './recent-requesters.ts';
import { quotaKeyOf, SandboxCounts } from './sandbox-counts.ts';

type Asking = Pick<SandboxRequest, 'tenantId' | 'quota'>;

function asking(limit: number, kind: 'session' | 'job' = 'session', tenantId = newTenantId()): Asking {
  return { tenantId, quota: { kind, limit } };
}

test('what could still be taken is the quota of all who asked, less what they hold', () => {
  const counts = new SandboxCounts();
  const requesters = new RecentRequesters(counts);
  const [one, other] = [asking(3), asking(10)];
  for (const each of [one, other, one]) requesters.note(0, each);
  assert.equal(requesters.room(0), 13);
  const held = [0, 1, 2].map(() => counts.hold(quotaKeyOf(one)));
  assert.equal(requesters.room(0), 10);
  held[0]?.[Symbol.dispose]();
  assert.equal(requesters.room(0), 11);
});

test('who holds more than its quota, as after the quota was lowered, takes nothing from the others', () => {
  const counts = new SandboxCounts();
  const requesters = new RecentRequesters(counts);
  const lowered = asking(5);
  for (let count = 0; count < 5; count++) counts.hold(quotaKeyOf(lowered));
  requesters.note(0, { ...lowered, quota: { kind: 'session', limit: 2 } });
  requesters.note(0, asking(4));
  assert.equal(requesters.room(0), 4);
});

test('sessions and jobs of one tenant have quotas of their own', () => {
  const counts = new SandboxCounts();
  const requesters = new RecentRequesters(counts);
  const session = asking(2);
  const job = asking(7, 'job', session.tenantId);
  requesters.note(0, session);
  requesters.note(0, job);
  counts.hold(quotaKeyOf(session));
  assert.equal(requesters.room(0), 1 + 7);
});

test('only those count who asked lately', () => {
  const requesters = new RecentRequesters(new SandboxCounts());
  const [early, late] = [asking(1), asking(2)];
  requesters.note(1000, early);
  requesters.note(2000, late);
  assert.equal(requesters.room(1000), 3);
  assert.equal(requesters.room(1001), 2);
  requesters.note(3000, early);
  assert.equal(requesters.room(3000), 1);
});

test('however many tenants ask, only so many are remembered, and those the latest', () => {
  const requesters = new RecentRequesters(new SandboxCounts());
  for (let tenant = 0; tenant < 10_000; tenant++) requesters.note(tenant, asking(1));
  assert.equal(requesters.room(0), 256);
  assert.equal(requesters.room(10_000 - 256), 256);
});

test('what is held is given back once, however often it is ended', () => {
  const counts = new SandboxCounts();
  const [first] = [counts.hold('a'), counts.hold('a')];
  first[Symbol.dispose]();
  first[Symbol.dispose]();
  assert.equal(counts.countOf('a'), 1);
});
