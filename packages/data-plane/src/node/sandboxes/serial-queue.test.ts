import assert from 'node:assert/strict';
import { test } from 'node:test';
import { SerialQueue } from './serial-queue.ts';

const never = new AbortController().signal;

test('work runs one at a time, in order, even after a failure', async () => {
  const queue = new SerialQueue();
  const order: string[] = [];
  const first = Promise.withResolvers<undefined>();
  const a = queue.run(async () => {
    order.push('a begins');
    await first.promise;
    order.push('a ends');
    throw new Error('a failed');
  }, never);
  const b = queue.run(async () => Promise.resolve(order.push('b')), never);
  first.resolve(undefined);
  await assert.rejects(a, /a failed/);
  await b;
  assert.deepEqual(order, ['a begins', 'a ends', 'b']);
});

test('later work does not overtake earlier work when the work between them is aborted', async () => {
  const queue = new SerialQueue();
  const order: string[] = [];
  const first = Promise.withResolvers<undefined>();
  const a = queue.run(async () => {
    await first.promise;
    order.push('a');
  }, never);
  const giveUp = new AbortController();
  const b = queue.run(async () => Promise.resolve(order.push('b')), giveUp.signal);
  const c = queue.run(async () => Promise.resolve(order.push('c')), never);
  giveUp.abort(new Error('given up'));
  await assert.rejects(b, /given up/);
  assert.deepEqual(order, []);
  first.resolve(undefined);
  await Promise.all([a, c]);
  assert.deepEqual(order, ['a', 'c']);
});
