import assert from 'node:assert/strict';
import { test } from 'node:test';
import { bytesToFree, canStart, chooseOffenders, isTight } from './offenders.ts';

const cases: [string, Parameters<typeof bytesToFree>[0], number][] = [
  ['an idle machine', { heldBytes: 0, limitBytes: 1000, availableBytes: 5000, reserveBytes: 100 }, 0],
  ['just below the mark', { heldBytes: 900, limitBytes: 1000, availableBytes: 5000, reserveBytes: 100 }, 0],
  ['above the mark', { heldBytes: 950, limitBytes: 1000, availableBytes: 5000, reserveBytes: 100 }, 150],
  ['half of the reserve', { heldBytes: 500, limitBytes: 1000, availableBytes: 50, reserveBytes: 100 }, 0],
  ['less of the reserve', { heldBytes: 500, limitBytes: 1000, availableBytes: 40, reserveBytes: 100 }, 60],
  ['both', { heldBytes: 950, limitBytes: 1000, availableBytes: 10, reserveBytes: 400 }, 390],
  ['no reserve', { heldBytes: 500, limitBytes: 1000, availableBytes: 0, reserveBytes: 0 }, 0],
];

for (const [name, state, expected] of cases) {
  test(`${name}: ${expected} bytes must be freed`, () => {
    assert.equal(bytesToFree(state), expected);
  });
}

test('something starts only if nothing else must free memory for it', () => {
  const state = { heldBytes: 800, limitBytes: 1000, availableBytes: 500, reserveBytes: 400 };
  assert.deepEqual(
    [canStart(state, 100), canStart(state, 101), canStart({ ...state, availableBytes: 499 }, 100)],
    [true, false, false],
  );
  assert.deepEqual([isTight(state), isTight({ ...state, heldBytes: 801 })], [false, true]);
});

test('the largest are chosen, and no more than needed', () => {
  const places = [10, 70, 30, 50].map((heldBytes) => ({ heldBytes }));
  const held = (bytes: number) => chooseOffenders(places, bytes).map(({ heldBytes }) => heldBytes);
  assert.deepEqual(held(0), []);
  assert.deepEqual(held(70), [70]);
  assert.deepEqual(held(71), [70, 50]);
  assert.deepEqual(held(1000), [70, 50, 30, 10]);
});
