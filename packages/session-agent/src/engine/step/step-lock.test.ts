import assert from 'node:assert/strict';
import { test } from 'node:test';
import { StepLock } from './step-lock.ts';

const never = new AbortController().signal;

test('turns come in the order of the calls, and one that was given up is left out', async () => {
  const lock = new StepLock();
  const order: string[] = [];
  const first = await lock.acquire(never);
  const leaving = new AbortController();
  const given = lock.acquire(leaving.signal);
  const waiting = ['b', 'c'].map(async (name) => {
    using turn = await lock.acquire(never);
    turn satisfies Disposable;
    order.push(name);
  });
  leaving.abort(new Error('left'));
  await assert.rejects(given, /left/);
  assert.deepEqual(order, []);
  first[Symbol.dispose]();
  await Promise.all(waiting);
  assert.deepEqual(order, ['b', 'c']);
});
