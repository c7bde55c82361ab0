import assert from 'node:assert/strict';
import { test } from 'node:test';
import { growthOf } from './growth.ts';
import type { Footprint } from './host/footprint.ts';

const LOOKS = 40;
const level: Footprint = { serverRssMib: 200, descriptors: 60, processes: 20, mounts: 300, cgroups: 90 };
const looks = (of: (index: number) => Partial<Footprint>): Footprint[] =>
  Array.from({ length: LOOKS }, (_, index) => ({ ...level, ...of(index) }));
const grown = (samples: Footprint[]): string[] =>
  growthOf(samples).flatMap(({ name, grew }) => (grew ? [name] : []));

test('what stays level has not grown', () => {
  assert.deepEqual(grown(looks(() => ({}))), []);
});

test('what is made once at the start is no growth', () => {
  assert.deepEqual(grown(looks((index) => ({ descriptors: index < 5 ? 20 : 120 }))), []);
});

test('one descriptor lost in every hundred of 100,000 jobs is seen', () => {
  assert.deepEqual(grown(looks((index) => ({ descriptors: 60 + index * 25 }))), ['descriptors']);
});

test('memory that goes up and down is level, and memory that only goes up is not', () => {
  assert.deepEqual(grown(looks((index) => ({ serverRssMib: 200 + (index % 3) * 20 }))), []);
  assert.deepEqual(grown(looks((index) => ({ serverRssMib: 200 + index * 4 }))), ['serverRssMib']);
});

test('each kind of leak is told by its name', () => {
  for (const name of ['processes', 'mounts', 'cgroups'] as const)
    assert.deepEqual(grown(looks((index) => ({ [name]: level[name] + index * 25 }))), [name]);
});

test('too few looks tell nothing', () => {
  assert.deepEqual(growthOf([level, level, level]), []);
});
