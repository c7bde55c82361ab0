import assert from 'node:assert/strict';
import { test } from 'node:test';
import { readyTarget, recentArrivals } from './demand.ts';

const NOW = 1_000_000;
const every = (ms: number, count: number) =>
  Array.from({ length: count }, (_, index) => NOW - (count - index) * ms);

for (const { title, arrivals, target } of [
  { title: 'nothing ever came', arrivals: [], target: 0 },
  { title: 'the last came a minute and more ago', arrivals: [NOW - 60_001], target: 0 },
  { title: 'one came half a minute ago', arrivals: [NOW - 30_000], target: 1 },
  { title: 'one came just now', arrivals: [NOW], target: 2 },
  { title: 'a hundred in a second', arrivals: every(10, 100), target: 4 },
  { title: 'as many as there can be', arrivals: every(1, 1000), target: 8 },
]) {
  test(`${title}: ${target} stand ready`, () => {
    assert.equal(readyTarget(NOW, arrivals), target);
    assert.equal(readyTarget(NOW, recentArrivals(NOW, arrivals)), target);
  });
}

test('arrivals that do not count any more are forgotten, but for the last', () => {
  assert.deepEqual(recentArrivals(NOW, [NOW - 5000, NOW - 4000]), [NOW - 4000]);
  assert.deepEqual(recentArrivals(NOW, [NOW - 5000, NOW - 10]), [NOW - 10]);
});
