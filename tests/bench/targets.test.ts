import assert from 'node:assert/strict';
import { test } from 'node:test';
import { FIGURES } from './figures.ts';
import { evaluateTargets, TARGETS } from './targets.ts';
import type { Target } from './targets.ts';

const target: Target = {
  ...{
    name: 'step',
    figure: 'step_p50_ms',
    run: 'bench',
    limit: 1.5,
    bound: 'at most',
    unit: 'ms',
    from: 'here',
  },
};
const verdict = (of: Target, value: number | undefined): string | undefined =>
  evaluateTargets([of], { [of.figure]: value }, of.run)[0]?.verdict;

test('a figure exactly at its limit reaches the target, for upper and lower limits', () => {
  assert.equal(verdict(target, 1.5), 'reached');
  assert.equal(verdict(target, 1.51), 'not reached');
  assert.equal(verdict({ ...target, bound: 'at least' }, 1.5), 'reached');
  assert.equal(verdict({ ...target, bound: 'at least' }, 1.49), 'not reached');
});

test('a figure that was not measured is never reported as reached', () => {
  assert.equal(verdict(target, undefined), 'not measured');
  assert.equal(verdict(target, NaN), 'not measured');
  assert.equal(verdict({ ...target, limit: 0 }, undefined), 'not measured');
});

test('a run is compared with its own targets only', () => {
  const steady: Target = { ...target, run: 'steady', name: 'steady' };
  assert.deepEqual(
    evaluateTargets([target, steady], { step_p50_ms: 1 }, 'steady').map(({ name }) => name),
    ['steady'],
  );
});

test('every figure has a target, and no two targets have the same name', () => {
  const aimedAt = new Set(TARGETS.map(({ figure }) => figure));
  assert.deepEqual(
    FIGURES.filter((figure) => !aimedAt.has(figure)),
    [],
  );
  assert.equal(new Set(TARGETS.map(({ name }) => name)).size, TARGETS.length);
});
