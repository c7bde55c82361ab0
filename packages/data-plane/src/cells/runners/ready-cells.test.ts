import assert from 'node:assert/strict';
import { test } from 'node:test';
import { setImmediate as turn } from 'node:timers/promises';
import type { ForkServer } from '../fork-server/fork-server.ts';
import { FakeForkServer } from '../fork-server/fork-server.testing.ts';
import { ReadyCells } from './ready-cells.ts';

const signal = new AbortController().signal;
const small = { resources: { cpuMillicores: 1000, memoryBytes: 1, diskBytes: 1, pids: 1 }, env: { A: '1' } };
const large = { resources: { ...small.resources, memoryBytes: 2 }, env: { A: '1' } };

function start(slots?: number) {
  const clock = { nowMs: 0 };
  const server = new FakeForkServer(slots);
  return { clock, server, ready: new ReadyCells(server, () => clock.nowMs) };
}

/** Each fork waits for its turn in `forks`, and fails with what that is called with. */
function startSlow() {
  const server = new FakeForkServer();
  const forks: ((error?: Error) => void)[] = [];
  const slow: ForkServer = {
    lost: server.lost,
    freeSlots: 32,
    fork: async (spec) => {
      const turned = Promise.withResolvers<undefined>();
      forks.push((error) => {
        if (error === undefined) turned.resolve(undefined);
        else turned.reject(error);
      });
      await turned.promise;
      return server.fork(spec);
    },
    [Symbol.asyncDispose]: async () => server[Symbol.asyncDispose](),
  };
  return { server, forks, ready: new ReadyCells(slow, () => 0) };
}

test('after a first job some stand ready, and each is given to one job only', async () => {
  const { server, ready } = start();
  const first = await ready.claim(small, signal);
  ready.refill();
  await turn();
  assert.equal(ready.count, 2);
  const claimed = await Promise.all([1, 2, 3].map(async () => ready.claim({ ...small }, signal)));
  assert.equal(new Set([first, ...claimed]).size, 4);
  assert.equal(server.cells.length, 4);
});

test('a job of another size gets a cell of its own, two in a row change what stands ready', async () => {
  const { server, ready } = start();
  await ready.claim(small, signal);
  ready.refill();
  await turn();
  assert.equal((await ready.claim(large, signal)).spec, large);
  assert.equal(ready.count, 2);
  await ready.claim(large, signal);
  assert.equal(ready.count, 0);
  ready.refill();
  await turn();
  assert.ok(ready.count > 0);
  assert.deepEqual(server.living.filter(({ spec }) => spec === small).length, 1);
});

test('a cell that has died while it was ready is given to nobody', async () => {
  const { server, ready } = start();
  await ready.claim(small, signal);
  ready.refill();
  await turn();
  await server.cells[1]?.kill();
  assert.ok((await ready.claim(small, signal)).alive);
  assert.ok(server.cells[1]?.ended);
});

test('when nothing comes any more, none stand ready', async () => {
  const { clock, server, ready } = start();
  const cell = await ready.claim(small, signal);
  ready.refill();
  await turn();
  clock.nowMs += 61_000;
  ready.refill();
  assert.equal(ready.count, 0);
  assert.deepEqual(server.living, [cell]);
});

test('the last slots are left to jobs', async () => {
  const { server, ready } = start(3);
  await ready.claim(small, signal);
  ready.refill();
  await turn();
  assert.equal(server.freeSlots, 2);
  assert.ok(ready.has(large));
});

test('a job that is cancelled while its cell is made leaves it to the next', async () => {
  const { server, ready } = start();
  const job = new AbortController();
  const claimed = ready.claim(small, job.signal);
  job.abort(new Error('cancelled'));
  await assert.rejects(claimed, /cancelled/);
  await turn();
  assert.equal(await ready.claim(small, signal), server.cells[0]);
  assert.equal(server.cells.length, 1);
});

test('a job gets the first cell that is made, whoever began it', async () => {
  const { server, forks, ready } = startSlow();
  const first = ready.claim(small, signal);
  forks.shift()?.();
  await first;
  ready.refill();
  const second = ready.claim(small, signal);
  const other = ready.claim(large, signal);
  forks.shift()?.();
  assert.equal(await second, server.cells[1]);
  for (const fork of forks) fork();
  assert.equal((await other).spec, large);
  await turn();
  assert.equal(ready.count, 2);
});

test('as many jobs fail as forks do', async () => {
  const { server, forks, ready } = startSlow();
  const first = ready.claim(small, signal);
  const second = ready.claim(small, signal);
  forks.shift()?.(new Error('no cell'));
  await assert.rejects(first, /no cell/);
  forks.shift()?.();
  assert.equal(await second, server.cells[0]);
});

test('a cell that comes after the close is ended', async () => {
  const { server, ready } = start();
  const cell = await ready.claim(small, signal);
  ready.refill();
  ready.close();
  await turn();
  assert.deepEqual(server.living, [cell]);
});
