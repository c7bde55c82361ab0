import assert from 'node:assert/strict';
import { test } from 'node:test';
import { runLoad } from './load.ts';

const signal = new AbortController().signal;

test('the requested number runs at once, and never more', async () => {
  let [now, most] = [0, 0];
  const one = async (): Promise<void> => {
    most = Math.max(most, ++now);
    await new Promise(setImmediate);
    now--;
  };
  const sample = await runLoad({ count: 50, maxMs: 60_000, concurrency: 8 }, one, signal);
  assert.equal(most, 8);
  assert.equal(sample.latenciesMs.length, 50);
});

test('a failure is counted and reported, and its time is ignored', async () => {
  const one = (index: number): Promise<void> =>
    index % 2 === 0 ? Promise.reject(new Error('lost')) : Promise.resolve();
  const sample = await runLoad({ count: 10, maxMs: 60_000, concurrency: 3 }, one, signal);
  assert.deepEqual(sample.failures, Array(5).fill('lost'));
  assert.equal(sample.latenciesMs.length, 5);
});

test('none starts after the time is up', async () => {
  const sample = await runLoad({ count: 10, maxMs: 0, concurrency: 2 }, () => Promise.resolve(), signal);
  assert.deepEqual(sample.latenciesMs, []);
});

test('an abort ends it with the reason, not with failures', async () => {
  const stop = new AbortController();
  const one = (): Promise<void> => {
    stop.abort(new Error('enough'));
    return Promise.reject(new Error('connection lost'));
  };
  await assert.rejects(runLoad({ count: 5, maxMs: 60_000, concurrency: 2 }, one, stop.signal), /enough/);
});
