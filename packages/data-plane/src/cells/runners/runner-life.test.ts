import assert from 'node:assert/strict';
import { test } from 'node:test';
import { ageOf, leastRecentlyUsed } from './runner-life.ts';
import type { RunnerAge } from './runner-life.ts';

const MINUTE = 60_000;
const NOW = 1000 * MINUTE;
const young = { startedMs: NOW - MINUTE, lastUsedMs: NOW, running: 0, cells: 10 };

for (const [age, runner] of [
  ['good', young],
  ['good', { ...young, startedMs: NOW - 10 * MINUTE, lastUsedMs: NOW - 6 * MINUTE, running: 1 }],
  ['idle', { ...young, startedMs: NOW - 10 * MINUTE, lastUsedMs: NOW - 6 * MINUTE }],
  ['due', { ...young, startedMs: NOW - 15 * MINUTE }],
  ['due', { ...young, cells: 5_000 }],
  ['overdue', { ...young, startedMs: NOW - 30 * MINUTE }],
  ['overdue', { ...young, cells: 10_000, running: 3 }],
] as const satisfies readonly (readonly [RunnerAge, unknown])[]) {
  test(`${JSON.stringify(runner)} is ${age}`, () => {
    assert.equal(ageOf(NOW, runner), age);
  });
}

test('the least recently used is one without jobs', () => {
  const [busy, old, newer] = [
    { ...young, lastUsedMs: 1, running: 1 },
    { ...young, lastUsedMs: 2 },
    { ...young, lastUsedMs: 3 },
  ];
  assert.equal(leastRecentlyUsed([newer, busy, old]), old);
  assert.equal(leastRecentlyUsed([busy]), undefined);
});
