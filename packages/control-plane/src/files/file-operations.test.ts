import assert from 'node:assert/strict';
import { test } from 'node:test';
import { newSessionId, newTenantId } from '@caisson/protocol/api';
import { FileOperations } from './file-operations.ts';
import { FileTransfers } from './file-transfers.ts';

const LIMITS = { perSession: 2, perTenant: 3, waitingPerTenant: 4 };
const NEVER = new AbortController().signal;

/** Queues operations, and lists those that have begun by their names. */
function startOperations() {
  const operations = new FileOperations(LIMITS);
  const [tenant, otherTenant] = [newTenantId(), newTenantId()];
  const sessions = new Map(['a', 'b', 'c'].map((name) => [name, newSessionId()]));
  const begun: string[] = [];
  const turns = new Map<string, Disposable>();
  /** The first letter of a name stands for the session. */
  const enter = (name: string, { tenantId = tenant, signal = NEVER } = {}) =>
    operations.enter(tenantId, sessions.get(name.charAt(0)) ?? newSessionId(), signal).then((turn) => {
      begun.push(name);
      turns.set(name, turn);
    });
  const leave = async (name: string) => {
    turns.get(name)?.[Symbol.dispose]();
    await new Promise(setImmediate);
  };
  return { enter, leave, begun, otherTenant };
}

test('a session has two concurrent operations, a tenant three, and sessions take turns', async () => {
  const { enter, leave, begun } = startOperations();
  const all = ['a1', 'a2', 'a3', 'a4', 'b1', 'c1'].map((name) => enter(name));
  await new Promise(setImmediate);
  assert.deepEqual(begun, ['a1', 'a2', 'b1']);
  await leave('a1');
  assert.deepEqual(begun.slice(3), ['a3']);
  await leave('a2');
  assert.deepEqual(begun.slice(3), ['a3', 'c1']);
  await leave('b1');
  await Promise.all(all);
  assert.deepEqual(begun.slice(3), ['a3', 'c1', 'a4']);
});

test('a full queue refuses operations, but not those of another tenant', async () => {
  const { enter, begun, otherTenant } = startOperations();
  const waiting = ['a1', 'a2', 'a3', 'a4', 'a5', 'a6'].map((name) => enter(name));
  await assert.rejects(enter('a7'), { code: 'file_operations_limit_reached' });
  await enter('b1');
  await assert.rejects(enter('b2'), { code: 'file_operations_limit_reached' });
  await enter('c1', { tenantId: otherTenant });
  assert.deepEqual(begun, ['a1', 'a2', 'b1', 'c1']);
  assert.equal(waiting.length, 6);
});

test('an aborted waiting operation leaves its turn to the next', async () => {
  const { enter, leave, begun } = startOperations();
  await Promise.all([enter('a1'), enter('a2')]);
  const gone = new AbortController();
  const aborted = enter('a3', { signal: gone.signal });
  const next = enter('a4');
  gone.abort();
  await assert.rejects(aborted, { name: 'AbortError' });
  await leave('a1');
  await next;
  await assert.rejects(enter('a5', { signal: gone.signal }), { name: 'AbortError' });
  assert.deepEqual(begun, ['a1', 'a2', 'a4']);
});

test('a turn that is disposed of twice is freed once', async () => {
  const { enter, leave, begun } = startOperations();
  await Promise.all([enter('a1'), enter('a2')]);
  const [third, fourth] = [enter('a3'), enter('a4')];
  await leave('a1');
  await leave('a1');
  assert.deepEqual(begun, ['a1', 'a2', 'a3']);
  await leave('a2');
  await Promise.all([third, fourth]);
});

test('transfers are limited per tenant', () => {
  const transfers = new FileTransfers(2);
  const [tenant, other] = [newTenantId(), newTenantId()];
  const first = transfers.begin(tenant);
  transfers.begin(tenant);
  assert.throws(() => transfers.begin(tenant), { code: 'file_transfers_limit_reached' });
  transfers.begin(other);
  first[Symbol.dispose]();
  first[Symbol.dispose]();
  transfers.begin(tenant);
  assert.throws(() => transfers.begin(tenant), { code: 'file_transfers_limit_reached' });
});
