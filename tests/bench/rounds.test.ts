import assert from 'node:assert/strict';
import { test } from 'node:test';
import { interleave } from './rounds.ts';
import type { Sample } from './sample.ts';

const signal = new AbortController().signal;
const sample: Sample = { latenciesMs: [1], wallMs: 1, failures: [] };

test('measures are taken in turns, and one that is not offered has no samples', async () => {
  const order: string[] = [];
  const measure = (name: string) => () => {
    order.push(name);
    return Promise.resolve(sample);
  };
  const measures = { a: measure('a'), b: measure('b'), absent: undefined };
  const series = await interleave({ rounds: 3, maxMs: 60_000 }, measures, signal);
  assert.deepEqual(order, ['a', 'b', 'a', 'b', 'a', 'b']);
  assert.deepEqual([series.a.length, series.b.length, series.absent.length], [3, 3, 0]);
});

test('the first round always runs, and none after the time is up', async () => {
  const series = await interleave(
    { rounds: 5, maxMs: 0 },
    { a: () => Promise.resolve(sample), b: () => Promise.resolve(sample) },
    signal,
  );
  assert.deepEqual([series.a.length, series.b.length], [1, 1]);
});

test('an abort stops it', async () => {
  const stop = new AbortController();
  const measure = (): Promise<Sample> => {
    stop.abort(new Error('enough'));
    return Promise.resolve(sample);
  };
  await assert.rejects(interleave({ rounds: 5, maxMs: 60_000 }, { a: measure }, stop.signal), /enough/);
});
