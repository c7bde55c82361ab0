import assert from 'node:assert/strict';
import { test } from 'node:test';
import { median, percentile, summarize } from './statistics.ts';

const upTo = (count: number): number[] => Array.from({ length: count }, (_, index) => count - index);

test('a percentile is the smallest value that enough of the others do not exceed', () => {
  assert.equal(percentile(upTo(100), 0.5), 50);
  assert.equal(percentile(upTo(100), 0.99), 99);
  assert.equal(percentile(upTo(1000), 0.99), 990);
  assert.equal(percentile(upTo(3), 0.99), 3);
  assert.equal(percentile(upTo(3), 0), 1);
  assert.equal(percentile([7], 0.5), 7);
});

test('numbers are sorted by value, not as text', () => {
  assert.equal(median([9, 10, 100]), 10);
});

test('the percentile of nothing is not a number', () => {
  assert.ok(Number.isNaN(percentile([], 0.5)));
});

test('a summary has the percentiles and the extremes', () => {
  assert.deepEqual(summarize(upTo(200)), { count: 200, p50: 100, p95: 190, p99: 198, min: 1, max: 200 });
  assert.equal(summarize([]), undefined);
});
