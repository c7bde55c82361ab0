import assert from 'node:assert/strict';
import { test } from 'node:test';
import { NOTHING } from '../node/amounts.ts';
import { Reservations } from '../node/reservations.ts';
import { FakeForkServers } from './fork-server/fork-server.testing.ts';
import { reservedForkServers } from './reserved-fork-servers.ts';

const signal = new AbortController().signal;

function start() {
  const servers = new FakeForkServers();
  const reservations = new Reservations({ ...NOTHING, pids: 1 }, () => undefined);
  const reserved = reservedForkServers(servers, () => reservations.tryReserve({ ...NOTHING, pids: 1 }));
  return { servers, reservations, reserved };
}

test('a runner has its room until nothing is left of it, and none starts without', async () => {
  const { servers, reservations, reserved } = start();
  const runner = await reserved.start([], signal);
  await assert.rejects(reserved.start([], signal), /no room for a runner/);
  assert.equal(servers.started.length, 1);
  await runner[Symbol.asyncDispose]();
  assert.equal(servers.started[0]?.disposed, true);
  assert.equal(reservations.promised.pids, 0);
  await reserved.start([], signal);
});

test('a runner that could not be started gives its room back', async () => {
  const { servers, reservations, reserved } = start();
  servers.failure = new Error('odd');
  await assert.rejects(reserved.start([], signal), /odd/);
  assert.equal(reservations.promised.pids, 0);
});
