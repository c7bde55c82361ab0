import assert from 'node:assert/strict';
import { test } from 'node:test';
import { newTenantId } from '@caisson/protocol';
import type { SandboxRequest } from '@caisson/protocol';
import { Askers } from './askers.ts';
import { holderOf, Holdings } from './holdings.ts';

type Asking = Pick<SandboxRequest, 'tenantId' | 'quota'>;

function asking(limit: number, kind: 'session' | 'job' = 'session', tenantId = newTenantId()): Asking {
  return { tenantId, quota: { kind, limit } };
}

test('what could still be taken is the quota of all who asked, less what they hold', () => {
  const holdings = new Holdings();
  const askers = new Askers(holdings);
  const [one, other] = [asking(3), asking(10)];
  for (const each of [one, other, one]) askers.note(0, each);
  assert.equal(askers.room(0), 13);
  const held = [0, 1, 2].map(() => holdings.hold(holderOf(one)));
  assert.equal(askers.room(0), 10);
  held[0]?.[Symbol.dispose]();
  assert.equal(askers.room(0), 11);
});

test('who holds more than its quota, as after the quota was lowered, takes nothing from the others', () => {
  const holdings = new Holdings();
  const askers = new Askers(holdings);
  const lowered = asking(5);
  for (let count = 0; count < 5; count++) holdings.hold(holderOf(lowered));
  askers.note(0, { ...lowered, quota: { kind: 'session', limit: 2 } });
  askers.note(0, asking(4));
  assert.equal(askers.room(0), 4);
});

test('sessions and jobs of one tenant have quotas of their own', () => {
  const holdings = new Holdings();
  const askers = new Askers(holdings);
  const session = asking(2);
  const job = asking(7, 'job', session.tenantId);
  askers.note(0, session);
  askers.note(0, job);
  holdings.hold(holderOf(session));
  assert.equal(askers.room(0), 1 + 7);
});

test('only those count who asked lately', () => {
  const askers = new Askers(new Holdings());
  const [early, late] = [asking(1), asking(2)];
  askers.note(1000, early);
  askers.note(2000, late);
  assert.equal(askers.room(1000), 3);
  assert.equal(askers.room(1001), 2);
  askers.note(3000, early);
  assert.equal(askers.room(3000), 1);
});

test('however many tenants ask, only so many are remembered, and those the latest', () => {
  const askers = new Askers(new Holdings());
  for (let tenant = 0; tenant < 10_000; tenant++) askers.note(tenant, asking(1));
  assert.equal(askers.room(0), 256);
  assert.equal(askers.room(10_000 - 256), 256);
});

test('what is held is given back once, however often it is ended', () => {
  const holdings = new Holdings();
  const [first] = [holdings.hold('a'), holdings.hold('a')];
  first[Symbol.dispose]();
  first[Symbol.dispose]();
  assert.equal(holdings.countOf('a'), 1);
});
