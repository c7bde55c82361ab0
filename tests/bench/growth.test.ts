import assert from 'node:assert/strict';
import { test } from 'node:test';
import { growthOf } from './growth.ts';
import type { Footprint } from './host/footprint.ts';

const LOOKS = 40;
const level: Footprint = { serverRssMib: 200, descriptors: 60, processes: 20, mounts: 300, cgroups: 90 };
const samples = (of: (index: number) => Partial<Footprint>): Footprint[] =>
  Array.from({ length: LOOKS }, (_, index) => ({ ...level, ...of(index) }));
const grown = (samples: Footprint[]): string[] =>
  growthOf(samples).flatMap(({ name, grew }) => (grew ? [name] : []));

test('a level figure has not grown', () => {
  assert.deepEqual(grown(samples(() => ({}))), []);
});

test('an increase at the start only is no growth', () => {
  assert.deepEqual(grown(samples((index) => ({ descriptors: index < 5 ? 20 : 120 }))), []);
});

test('a leak of one descriptor per hundred jobs over 100,000 jobs is detected', () => {
  assert.deepEqual(grown(samples((index) => ({ descriptors: 60 + index * 25 }))), ['descriptors']);
});

test('memory that rises and falls is level, and memory that only rises is not', () => {
  assert.deepEqual(grown(samples((index) => ({ serverRssMib: 200 + (index % 3) * 20 }))), []);
  assert.deepEqual(grown(samples((index) => ({ serverRssMib: 200 + index * 4 }))), ['serverRssMib']);
});

test('each kind of leak is reported by name', () => {
  for (const name of ['processes', 'mounts', 'cgroups'] as const)
    assert.deepEqual(grown(samples((index) => ({ [name]: level[name] + index * 25 }))), [name]);
});

test('too few samples give no result', () => {
  assert.deepEqual(growthOf([level, level, level]), []);
});
