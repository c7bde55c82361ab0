import assert from 'node:assert/strict';
import { test } from 'node:test';
import { ratioOfRounds } from './ratio.ts';

test('a ratio is that of the medians, with the extremes of single rounds', () => {
  assert.deepEqual(ratioOfRounds([5, 6, 7], [10, 10, 14]), { value: 0.6, min: 0.5, max: 0.6 });
});

test('one disturbed round does not change the ratio', () => {
  assert.equal(ratioOfRounds([6, 6, 600], [10, 10, 10])?.value, 0.6);
});

test('there is no ratio without a baseline or without a figure', () => {
  assert.equal(ratioOfRounds([1, 2], []), undefined);
  assert.equal(ratioOfRounds([], [1, 2]), undefined);
  assert.equal(ratioOfRounds([NaN], [1]), undefined);
});
