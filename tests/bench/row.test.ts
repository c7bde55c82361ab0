import assert from 'node:assert/strict';
import { test } from 'node:test';
import { describeFailures, rowOfSeries } from './row.ts';
import type { Sample } from './sample.ts';

const sample = (latenciesMs: number[], failures: string[] = []): Sample => ({
  latenciesMs,
  failures,
  wallMs: 1000,
});

test('a line has all samples, the rate of the median round, the ratio of medians and the failures', () => {
  const series = [sample([2, 2, 2], ['lost']), sample([3, 3]), sample([4, 4, 4, 4])];
  const baseline = { name: 'bare', series: [sample([6]), sample([6]), sample([6])] };
  const row = rowOfSeries('job', series, { baseline, note: 'scope: cell' });
  assert.equal(row.summary?.count, 9);
  assert.equal(row.perSecond, 3);
  assert.deepEqual(row.ratio, { value: 0.5, min: 2 / 6, max: 4 / 6, to: 'bare' });
  assert.equal(row.failures, 1);
  assert.equal(row.note, 'scope: cell; 1 failed: lost');
});

test('a line of a measure that always failed has only its failures', () => {
  const row = rowOfSeries('job', [sample([], ['lost', 'lost'])]);
  assert.equal(row.summary, undefined);
  assert.equal(row.failures, 2);
});

test('failures are listed by frequency', () => {
  assert.equal(
    describeFailures(['b', 'a', 'a', 'c', 'c', 'c', 'd']),
    '3 failed: c; 2 failed: a; 1 failed: b',
  );
});
