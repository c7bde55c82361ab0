import assert from 'node:assert/strict';
import { test } from 'node:test';
import { FakeFamily } from './fake-family.testing.ts';
import { openFamilies } from './open-families.ts';
import type { RuntimeChoice } from './runtime-family.ts';
import type { RuntimeHost } from './runtime-host.ts';

const signal = new AbortController().signal;
const host = { warnings: ['give it CAP_SYS_RESOURCE'] as readonly string[] } as RuntimeHost;

async function open(families: readonly FakeFamily[], choice = 'auto') {
  const opened = await openFamilies(families, host, choice as RuntimeChoice, signal);
  return {
    chosen: opened.health.filter(({ chosen }) => chosen).map(({ name }) => name as string),
    weak: opened.health.filter(({ problems }) => problems.includes('give it CAP_SYS_RESOURCE')).length,
    tried: opened.health.map(({ name }) => name as string),
    working: [...opened.working].map(([isolation, { runtime }]) => [isolation, runtime.name]),
    [Symbol.asyncDispose]: async () => opened[Symbol.asyncDispose](),
  };
}

test('each isolation is served by the first family that works', async () => {
  const families = [
    new FakeFamily('broken', { problem: 'install it' }),
    new FakeFamily('first'),
    new FakeFamily('spare'),
    new FakeFamily('vm', { isolation: 'microvm' }),
  ];
  await using opened = await open(families);
  assert.deepEqual(opened.working, [
    ['container', 'first'],
    ['microvm', 'vm'],
  ]);
  assert.deepEqual(opened.tried, ['broken', 'first', 'spare', 'vm']);
  assert.deepEqual(opened.chosen, ['first', 'vm']);
  assert.equal(opened.weak, 2, 'what weakens the host is told with what is used');
});

test('a family that is not needed is closed at once, the others with all', async () => {
  const families = [new FakeFamily('first'), new FakeFamily('spare')];
  const disposed = () => families.map((family) => family.disposed);
  const opened = await open(families);
  assert.deepEqual(disposed(), [0, 1]);
  await opened[Symbol.asyncDispose]();
  assert.deepEqual(disposed(), [1, 1]);
});

test('a chosen runtime has its isolation to itself, and other isolations are as they were', async () => {
  const [first, chosen] = [new FakeFamily('first'), new FakeFamily('chosen')];
  const other = new FakeFamily('vm', { isolation: 'microvm' });
  await using opened = await open([first, chosen, other], 'chosen');
  assert.deepEqual(opened.working, [
    ['container', 'chosen'],
    ['microvm', 'vm'],
  ]);
  assert.deepEqual([first.choices, chosen.choices, other.choices], [[], ['chosen'], ['auto']]);
});
