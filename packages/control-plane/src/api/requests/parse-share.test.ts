import assert from 'node:assert/strict';
import { test } from 'node:test';
import { isCaissonError, newTenantId } from '@caisson/protocol/api';
import { ParseShare } from './parse-share.ts';

test('a tenant beyond its share is refused until it has recovered, and others are not', () => {
  let now = 0;
  const share = new ParseShare(() => now);
  const [one, other] = [newTenantId(), newTenantId()];
  const take = (tenant: typeof one, ms: number) =>
    share.run(tenant, () => {
      now += ms;
      return ms;
    });
  assert.equal(take(one, 1500), 1500);
  assert.throws(
    () => take(one, 1),
    (error) => isCaissonError(error, 'parse_share_exceeded') && error.context.retryAfterSeconds === 5,
  );
  assert.equal(take(other, 1), 1);
  now += 5_000;
  assert.equal(take(one, 1), 1);
});

test('failed parsing is charged too', () => {
  let now = 0;
  const share = new ParseShare(() => now);
  const tenant = newTenantId();
  const fail = () =>
    share.run(tenant, () => {
      now += 1000;
      throw new SyntaxError('broken');
    });
  assert.throws(fail, SyntaxError);
  assert.throws(fail, (error) => isCaissonError(error, 'parse_share_exceeded'));
});
