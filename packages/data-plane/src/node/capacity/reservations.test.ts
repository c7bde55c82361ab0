import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { CaissonError } from '@caisson/protocol/api';
import { NOTHING } from './amounts.ts';
import type { Amounts } from './amounts.ts';
import { Reservations } from './reservations.ts';

const PLENTY = 1000;
const ALL = { memoryBytes: 10, diskBytes: PLENTY, cpuMillicores: PLENTY, pids: PLENTY, descriptors: PLENTY };
const LONG_MS = 60_000;
const never = new AbortController().signal;

function of(memoryBytes: number, more: Partial<Amounts> = {}): Amounts {
  return { ...NOTHING, memoryBytes, ...more };
}

function refusedFor(resource: string) {
  return (error: CaissonError) =>
    error.code === 'insufficient_capacity' &&
    'resource' in error.context &&
    error.context.resource === resource;
}

test('promises never exceed the limit, and a disposed reservation can be promised again', async () => {
  const reservations = new Reservations(ALL, () => undefined);
  const first = await reservations.reserve(of(6), 0, never);
  await assert.rejects(reservations.reserve(of(5), 0, never), refusedFor('memory'));
  assert.equal(reservations.tryReserve(of(5)), undefined);
  const second = reservations.tryReserve(of(4));
  assert.equal(reservations.promised.memoryBytes, 10);
  first[Symbol.dispose]();
  first[Symbol.dispose]();
  assert.equal(reservations.promised.memoryBytes, 4);
  second?.[Symbol.dispose]();
  assert.deepEqual(reservations.promised, NOTHING);
});

for (const [resource, amounts] of [
  ['memory', of(11)],
  ['disk', of(1, { diskBytes: PLENTY + 1 })],
  ['cpu', of(1, { cpuMillicores: PLENTY + 1 })],
  ['pids', of(1, { pids: PLENTY + 1 })],
  ['descriptors', of(1, { descriptors: PLENTY + 1 })],
] as const) {
  test(`a request for more ${resource} than the limit is refused at once`, async () => {
    const reservations = new Reservations(ALL, () => undefined);
    await assert.rejects(reservations.reserve(amounts, LONG_MS, never), refusedFor(resource));
    assert.equal(reservations.waiting, 0);
  });
}

test('a waiting request gets what others free, and a large one never holds up a small one', async () => {
  const reservations = new Reservations(ALL, () => undefined);
  const [four, six] = [
    await reservations.reserve(of(4), 0, never),
    await reservations.reserve(of(6), 0, never),
  ];
  const served: string[] = [];
  const note = async (name: string, amount: number) => {
    const reservation = await reservations.reserve(of(amount), LONG_MS, never);
    served.push(name);
    return reservation;
  };
  const [large, small] = [note('large', 10), note('small', 3)];
  assert.equal(reservations.tryReserve(of(0)), undefined, 'nothing is made ahead while someone waits');
  four[Symbol.dispose]();
  const held = await small;
  assert.deepEqual(served, ['small']);
  six[Symbol.dispose]();
  held[Symbol.dispose]();
  await large;
  assert.deepEqual(served, ['small', 'large']);
  assert.equal(reservations.promised.memoryBytes, 10);
});

test('an aborted wait holds no reservation', async () => {
  const reservations = new Reservations(ALL, () => undefined);
  const all = await reservations.reserve(of(10), 0, never);
  const caller = new AbortController();
  const aborted = reservations.reserve(of(1), LONG_MS, caller.signal);
  const overdue = reservations.reserve(of(1), 1, never);
  caller.abort(new Error('gone'));
  // In the same turn as the abort: an aborted request must not be served.
  all[Symbol.dispose]();
  await assert.rejects(aborted, /gone/);
  (await overdue)[Symbol.dispose]();
  assert.deepEqual([reservations.promised, reservations.waiting], [NOTHING, 0]);
});

test('idle resources are reclaimed, as much as is missing and no more', async () => {
  const reservations = new Reservations(ALL, () => undefined);
  const ready = [3, 3, 3].map((amount) => reservations.tryReserve(of(amount)));
  const asked: number[] = [];
  reservations.onShortage(({ memoryBytes }) => {
    asked.push(memoryBytes);
    const reservation = ready.shift();
    setImmediate(() => reservation?.[Symbol.dispose]());
    return of(3);
  });
  reservations.onShortage(({ memoryBytes }) => {
    asked.push(memoryBytes);
    return NOTHING;
  });
  await reservations.reserve(of(4), LONG_MS, never);
  assert.deepEqual(asked, [3], 'the next one is not asked once enough is freed');
  await assert.rejects(reservations.reserve(of(5), 1, never), refusedFor('memory'));
  assert.deepEqual(asked, [3, 5, 2]);
});

test('resources that become idle during a wait are reclaimed too', async () => {
  const reservations = new Reservations(ALL, () => undefined);
  const busy = await reservations.reserve(of(10), 0, never);
  const idle: Disposable[] = [];
  reservations.onShortage(() => {
    const given = idle.length === 0 ? NOTHING : of(10);
    for (const each of idle.splice(0)) each[Symbol.dispose]();
    return given;
  });
  const waiting = reservations.reserve(of(5), LONG_MS, never);
  reservations.reclaim();
  assert.equal(reservations.waiting, 1);
  idle.push(busy);
  reservations.reclaim();
  await waiting;
  assert.equal(reservations.promised.memoryBytes, 5);
});

test('a shortage of the machine blocks reservations until it is over', async () => {
  let objection: 'disk' | undefined = 'disk';
  const reservations = new Reservations(ALL, () => objection);
  await assert.rejects(reservations.reserve(of(1), 0, never), refusedFor('disk'));
  const waiting = reservations.reserve(of(1), LONG_MS, never);
  objection = undefined;
  reservations.recheck();
  await waiting;
  assert.equal(reservations.promised.memoryBytes, 1);
});
