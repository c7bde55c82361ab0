import assert from 'node:assert/strict';
import { test } from 'node:test';
import { newArrivalHistory, recordArrival } from './arrival-history.ts';
import type { ArrivalHistory } from './arrival-history.ts';
import { targetLevel } from './target-level.ts';

const MONDAY_9H = Date.UTC(2026, 0, 5, 9);
const MINUTE = 60_000;
const DAY = 24 * 60 * MINUTE;
const BOUNDS = { minimum: 0, maximum: 16 };
const ROOM = { recent: Infinity, usual: Infinity };

/** So many arrivals, evenly over the time from `fromMs`. */
function arrivals(
  history: ArrivalHistory,
  fromMs: number,
  durationMs: number,
  count: number,
): ArrivalHistory {
  let all = history;
  for (let at = 0; at < count; at++) all = recordArrival(fromMs + (at * durationMs) / count, all);
  return all;
}

const NONE = newArrivalHistory(MONDAY_9H);
const ONE_A_SECOND = arrivals(NONE, MONDAY_9H, 10 * MINUTE, 600);
/** Two in each second of a quarter of an hour, from 9 to 9:15. */
const MORNING = arrivals(NONE, MONDAY_9H, 15 * MINUTE, 1800);

const cases: readonly [string, number, ArrivalHistory, number][] = [
  ['without any arrival', MONDAY_9H, NONE, 0],
  ['after a single one', MONDAY_9H, recordArrival(MONDAY_9H, NONE), 0],
  ['after two', MONDAY_9H, arrivals(NONE, MONDAY_9H, 1000, 2), 1],
  ['at one a second', MONDAY_9H + 10 * MINUTE, ONE_A_SECOND, 9],
  ['two minutes after one a second', MONDAY_9H + 12 * MINUTE, ONE_A_SECOND, 5],
  ['half an hour after one a second', MONDAY_9H + 40 * MINUTE, ONE_A_SECOND, 0],
  ['at more than the maximum', MONDAY_9H, arrivals(NONE, MONDAY_9H, 1000, 3000), 16],
  ['two hours after a busy morning', MONDAY_9H + 120 * MINUTE, MORNING, 0],
  ['the next day at the same time', MONDAY_9H + DAY, MORNING, 16],
  ['the next day a minute before', MONDAY_9H + DAY - MINUTE, MORNING, 16],
  ['the next day two minutes before', MONDAY_9H + DAY - 2 * MINUTE, MORNING, 0],
  [
    'after a day without any, half as many',
    MONDAY_9H + 2 * DAY,
    recordArrival(MONDAY_9H + 2 * DAY - 60 * MINUTE, MORNING),
    9,
  ],
];
for (const [name, nowMs, history, level] of cases) {
  test(`the level ${name} is ${level}`, () => {
    assert.equal(targetLevel(nowMs, history, ROOM, BOUNDS), level);
  });
}

test('it never leaves its bounds', () => {
  assert.equal(targetLevel(MONDAY_9H, NONE, ROOM, { minimum: 2, maximum: 16 }), 2);
  assert.equal(targetLevel(MONDAY_9H + 10 * MINUTE, ONE_A_SECOND, ROOM, { minimum: 2, maximum: 3 }), 3);
  assert.equal(targetLevel(MONDAY_9H + 10 * MINUTE, ONE_A_SECOND, ROOM, { minimum: 0, maximum: 0 }), 0);
});

test('no more stand ready than the tenants of a forecast could take, but the minimum does', () => {
  const now = MONDAY_9H + 10 * MINUTE;
  const few = { recent: 2, usual: Infinity };
  assert.equal(targetLevel(now, ONE_A_SECOND, few, BOUNDS), 2);
  assert.equal(targetLevel(now, ONE_A_SECOND, few, { minimum: 3, maximum: 16 }), 3);
  assert.equal(targetLevel(now, ONE_A_SECOND, { recent: 0, usual: 0 }, BOUNDS), 0);
  // Yesterday's tenants, of whom nobody has asked today.
  const nextDay = MONDAY_9H + DAY;
  assert.equal(targetLevel(nextDay, MORNING, { recent: 0, usual: 200 }, BOUNDS), 16);
  assert.equal(targetLevel(nextDay, MORNING, { recent: 0, usual: 5 }, BOUNDS), 5);
});

test('a clock that goes back does no harm', () => {
  assert.equal(targetLevel(MONDAY_9H - DAY, ONE_A_SECOND, ROOM, BOUNDS), 9);
  assert.equal(recordArrival(MONDAY_9H - DAY, ONE_A_SECOND).slotCount, ONE_A_SECOND.slotCount + 1);
});
