import assert from 'node:assert/strict';
import { test } from 'node:test';
import { ForkTime, readyTarget, recentArrivals } from './demand.ts';

const NOW = 1_000_000;
const every = (ms: number, count: number) =>
  Array.from({ length: count }, (_, index) => NOW - (count - index) * ms);

for (const { title, arrivals, forkMs = 30, target } of [
  { title: 'nothing ever came', arrivals: [], target: 0 },
  { title: 'the last came a minute and more ago', arrivals: [NOW - 60_001], target: 0 },
  { title: 'one came half a minute ago', arrivals: [NOW - 30_000], target: 1 },
  { title: 'one came just now', arrivals: [NOW], target: 2 },
  { title: 'a hundred in a second', arrivals: every(10, 100), target: 4 },
  {
    title: 'sixty in a second, and a fork takes a tenth of one',
    arrivals: every(16, 60),
    forkMs: 100,
    target: 7,
  },
  { title: 'as many as there can be', arrivals: every(1, 1000), target: 8 },
]) {
  test(`${title}: ${target} stand ready`, () => {
    assert.equal(readyTarget(NOW, arrivals, forkMs), target);
    assert.equal(readyTarget(NOW, recentArrivals(NOW, arrivals), forkMs), target);
  });
}

test('arrivals that do not count any more are forgotten, but for the last', () => {
  assert.deepEqual(recentArrivals(NOW, [NOW - 5000, NOW - 4000]), [NOW - 4000]);
  assert.deepEqual(recentArrivals(NOW, [NOW - 5000, NOW - 10]), [NOW - 10]);
});

test('how long a fork lasts follows those of late', () => {
  const forkTime = new ForkTime();
  assert.equal(forkTime.ms, 30);
  for (let count = 0; count < 20; count++) forkTime.add(200);
  assert.equal(Math.round(forkTime.ms), 198);
});
