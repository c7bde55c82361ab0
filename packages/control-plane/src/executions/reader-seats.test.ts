import assert from 'node:assert/strict';
import { test } from 'node:test';
import { isCaissonError, newTenantId } from '@caisson/protocol/api';
import { ReaderSeats } from './reader-seats.ts';

test('each tenant has its own seats, and gets each back once', () => {
  const seats = new ReaderSeats(2);
  const [tenant, other] = [newTenantId(), newTenantId()];
  const first = seats.take(tenant);
  seats.take(tenant);
  seats.take(other);
  const refused = (error: unknown) => isCaissonError(error, 'too_many_readers');
  assert.throws(() => seats.take(tenant), refused);
  first[Symbol.dispose]();
  first[Symbol.dispose]();
  seats.take(tenant);
  assert.throws(() => seats.take(tenant), refused);
});
