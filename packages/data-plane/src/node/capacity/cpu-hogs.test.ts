import assert from 'node:assert/strict';
import { test } from 'node:test';
import { demotedAfter, findHogs } from './cpu-hogs.ts';

const CASES: readonly (readonly [string, Readonly<Record<string, number>>, readonly string[]])[] = [
  ['no cgroups', {}, []],
  ['idle places', { one: 0, other: 0 }, []],
  ['many that use a little each', { one: 0.2, other: 0.25, third: 0.24 }, []],
  ['one that uses a core beside one that uses a tenth', { one: 1, other: 0.1 }, ['one']],
  ['one that uses a core beside one that uses half of it', { one: 1, other: 0.5 }, ['one']],
  ['hogs that share the processors about equally', { one: 0.9, other: 0.8, small: 0.3 }, ['one', 'other']],
];

for (const [name, cores, hogs] of CASES) {
  test(`the hogs among ${name}: ${hogs.join(' and ') || 'none'}`, () => {
    assert.deepEqual(findHogs(new Map(Object.entries(cores))), hogs);
  });
}

test('a hog keeps its low weight until it has not been one for five seconds', () => {
  let demoted = demotedAfter(1_000, new Map(), ['one', 'other']);
  assert.deepEqual([...demoted.keys()], ['one', 'other']);
  demoted = demotedAfter(5_000, demoted, ['one']);
  assert.deepEqual(Object.fromEntries(demoted), { one: 5_000, other: 1_000 });
  demoted = demotedAfter(6_000, demoted, []);
  assert.deepEqual(Object.fromEntries(demoted), { one: 5_000 });
  assert.deepEqual(Object.fromEntries(demotedAfter(10_000, demoted, [])), {});
});
