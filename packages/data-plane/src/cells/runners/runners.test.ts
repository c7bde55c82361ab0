import assert from 'node:assert/strict';
import { test } from 'node:test';
import { setImmediate as turn } from 'node:timers/promises';
import { newExecutionId, newSandboxId, newTenantId } from '@caisson/protocol/api';
import { jsonTextOf } from '@caisson/protocol/ports';
import type { TenantId } from '@caisson/protocol/api';
import type { SandboxRequest, StepRequest } from '@caisson/protocol/ports';
import { pino } from 'pino';
import { NOTHING } from '../../node/capacity/amounts.ts';
import { Reservations } from '../../node/capacity/reservations.ts';
import type { RootDigest } from '../../templates/root-digest.ts';
import { FakeForkServers } from '../fork-server/fork-server.testing.ts';
import { Runners } from './runners.ts';

const signal = new AbortController().signal;
const MINUTE = 60_000;
const rootOf = (name: string) => `sha256:${name}` as RootDigest;

/** @param places how many runners the node has room for */
function start(slots?: number, places = 1000) {
  const clock = { nowMs: 0 };
  const servers = new FakeForkServers(slots);
  const roots = new Map<string, RootDigest>();
  const reservations = new Reservations({ ...NOTHING, pids: places }, () => undefined);
  const runners = new Runners({
    forkServers: servers,
    roots: { digestOf: (templateId) => roots.get(templateId) ?? rootOf(templateId) },
    reserve: () => reservations.tryReserve({ ...NOTHING, pids: 1 }),
    logger: pino({ level: 'silent' }),
    nowMs: () => clock.nowMs,
  });
  const lease = async (tenantId: TenantId, code = '1', templateId?: string) =>
    runners.lease(request(tenantId, templateId), step(code), signal);
  return {
    clock,
    servers,
    roots,
    reservations,
    runners,
    lease,
    [Symbol.asyncDispose]: async () => runners[Symbol.asyncDispose](),
  };
}

function request(tenantId: TenantId, templateId = 'python'): SandboxRequest {
  return {
    id: newSandboxId(),
    tenantId,
    templateId,
    isolation: 'container',
    isolationScope: 'auto',
    resources: { cpuMillicores: 1, memoryBytes: 1, diskBytes: 1, pids: 1 },
    env: { A: '1' },
    quota: { kind: 'job', limit: 1 },
  };
}

function step(code: string): StepRequest {
  return {
    executionId: newExecutionId(),
    sessionId: null,
    language: 'python',
    code,
    timeoutMs: 1,
    env: {},
    stdin: null,
    event: jsonTextOf(null),
    outputLimitBytes: 1,
  };
}

test('each tenant has a runner of its own, and another for what imports the large modules', async () => {
  await using started = start();
  const { servers, lease } = started;
  const tenant = newTenantId();
  await Promise.all([lease(tenant), lease(tenant), lease(newTenantId()), lease(tenant, 'import pandas')]);
  assert.equal(servers.started.length, 3);
  const leased = await lease(tenant);
  assert.deepEqual(leased?.cell.spec.env, { A: '1' });
});

test('two templates of one tenant have runners of their own, each with the root of its template', async () => {
  await using started = start();
  const { servers, roots, lease } = started;
  const tenant = newTenantId();
  roots.set('python', rootOf('shared'));
  roots.set('science', rootOf('shared'));
  for (const template of ['python', 'science', 'python']) await lease(tenant, '1', template);
  assert.deepEqual(
    servers.specs.map(({ root }) => root),
    [rootOf('shared'), rootOf('shared')],
  );
});

test('a template with another root gets another runner', async () => {
  await using started = start();
  const { servers, roots, lease } = started;
  const tenant = newTenantId();
  for (const root of ['old', 'new', 'new']) {
    roots.set('python', rootOf(root));
    await lease(tenant);
  }
  assert.deepEqual(
    servers.specs.map(({ root }) => root),
    [rootOf('old'), rootOf('new')],
  );
});

test('an old runner is replaced, and ends with its last job', async () => {
  await using started = start();
  const { clock, servers, lease } = started;
  const tenant = newTenantId();
  const leased = await lease(tenant);
  clock.nowMs = 16 * MINUTE;
  await (await lease(tenant))?.[Symbol.asyncDispose]();
  await turn();
  assert.equal(servers.started.length, 2);
  await lease(tenant);
  assert.equal(servers.started[0]?.disposed, false);
  await leased?.[Symbol.asyncDispose]();
  assert.equal(servers.started[0].disposed, true);
  assert.equal(servers.started[1]?.disposed, false);
});

test('a lost runner is disposed, and the next job starts another', async () => {
  await using started = start();
  const { servers, lease } = started;
  const tenant = newTenantId();
  await lease(tenant);
  servers.started[0]?.lose(new Error('odd'));
  await turn();
  assert.equal(servers.started[0]?.disposed, true);
  assert.ok(await lease(tenant));
  assert.equal(servers.started.length, 2);
});

test('where no runner can be started, jobs go elsewhere, and it is tried again later', async () => {
  await using started = start();
  const { clock, servers, lease } = started;
  servers.failure = new Error('none here');
  const tenant = newTenantId();
  assert.equal(await lease(tenant), undefined);
  servers.failure = undefined;
  assert.equal(await lease(tenant), undefined);
  clock.nowMs += 31_000;
  assert.ok(await lease(tenant));
});

test('where a runner is full, the job goes elsewhere', async () => {
  await using started = start(1);
  const { lease } = started;
  const tenant = newTenantId();
  const leased = await lease(tenant);
  assert.ok(leased);
  assert.equal(await lease(tenant), undefined);
  await leased[Symbol.asyncDispose]();
  assert.ok(await lease(tenant));
});

test('beyond the most runners the one that has been idle longest makes room; where none is idle, jobs go elsewhere', async () => {
  await using started = start();
  const { clock, servers, lease } = started;
  const leases = [];
  for (let count = 0; count < 16; count++) {
    clock.nowMs++;
    leases.push(await lease(newTenantId()));
  }
  assert.equal(await lease(newTenantId()), undefined);
  await leases[3]?.[Symbol.asyncDispose]();
  assert.ok(await lease(newTenantId()));
  assert.deepEqual(
    servers.started.flatMap(({ disposed }, index) => (disposed ? [index] : [])),
    [3],
  );
});

test('disposing ends all runners', async () => {
  const started = start();
  await started.lease(newTenantId());
  await started[Symbol.asyncDispose]();
  assert.equal(started.servers.started[0]?.disposed, true);
});

test('to give way, the runner that was not used for longest ends, and none that runs a job', async () => {
  await using started = start();
  const { clock, servers, runners, lease } = started;
  const leases = [];
  for (let index = 0; index < 3; index++) {
    clock.nowMs += 1;
    leases.push(await lease(newTenantId()));
  }
  assert.equal(runners.giveWay(), false);
  clock.nowMs += 1;
  await leases[2]?.[Symbol.asyncDispose]();
  clock.nowMs += 1;
  await leases[0]?.[Symbol.asyncDispose]();
  assert.equal(runners.giveWay(), true);
  await turn();
  assert.deepEqual(
    servers.started.map(({ disposed }) => disposed),
    [false, false, true],
  );
});

test('a runner keeps its room until nothing is left of it, and none starts without', async () => {
  await using started = start(32, 1);
  const { clock, servers, reservations, lease } = started;
  const leased = await lease(newTenantId());
  assert.ok(leased);
  const other = newTenantId();
  assert.equal(await lease(other), undefined);
  assert.equal(servers.started.length, 1);
  servers.started[0]?.lose(new Error('odd'));
  await turn();
  assert.equal(servers.started[0]?.disposed, true);
  assert.equal(reservations.promised.pids, 0);
  clock.nowMs += 31_000;
  assert.ok(await lease(other));
});

test('a runner that could not be started gives its room back', async () => {
  await using started = start();
  const { servers, reservations, lease } = started;
  servers.failure = new Error('odd');
  assert.equal(await lease(newTenantId()), undefined);
  assert.equal(reservations.promised.pids, 0);
});
