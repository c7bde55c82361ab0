import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import {
  newApiKeyId,
  newExecutionId,
  newSandboxId,
  newSessionId,
  newTenantId,
  RUNNING,
  SYSTEM,
} from '@caisson/protocol/api';
import type { ExecutionId, SessionId, TenantId } from '@caisson/protocol/api';
import { sql } from 'kysely';
import { findBreak, recordsTrim } from '../audit/chain.ts';
import { advance, queuedExecution } from '../model/execution-record.ts';
import { advanceSession, creatingSession, LIVE_STATUSES } from '../model/session-record.ts';
import { auditRepository } from '../store/audit.ts';
import { trailRetentionStore } from '../store/audit-retention.ts';
import { openStore } from '../store/sqlite/database.ts';
import { executionRepository } from '../store/executions.ts';
import { idempotencyRepository } from '../store/idempotency.ts';
import { OutputLedger } from '../store/output/output-ledger.ts';
import { retentionStore } from '../store/retention.ts';
import { sessionRepository } from '../store/sessions.ts';
import { tenantRepository } from '../store/tenants.ts';
import { Retention } from './retention.ts';
import { TrailRetention } from './trail-retention.ts';
import { SUCCEEDED } from '../testing/outcomes.ts';

const DAY_MS = 24 * 3600 * 1000;
const CONFIG = { retentionMs: 7 * DAY_MS, maxOutputBytesPerTenant: 2 ** 30, idempotencyKeyAgeMs: DAY_MS };
const AUDIT_AGE_MS = 30 * DAY_MS;
const never = new AbortController().signal;

async function openTemporary(config: Partial<typeof CONFIG> = {}) {
  await using undo = new AsyncDisposableStack();
  const path = await mkdtemp(join(tmpdir(), 'caisson-retention-'));
  undo.defer(() => rm(path, { recursive: true, force: true }));
  const { db, writer } = undo.use(await openStore(path));
  const ledger = new OutputLedger(false);
  const clock = { now: 1000 * DAY_MS, nowMs: () => clock.now };
  const trailStore = trailRetentionStore(db, writer);
  const retentionWith = (newLedger: OutputLedger) =>
    new Retention({
      config: { ...CONFIG, ...config },
      store: retentionStore(db, writer),
      trail: new TrailRetention(trailStore, clock, AUDIT_AGE_MS),
      ledger: newLedger,
      clock,
    });
  const resources = undo.move();
  return {
    db,
    writer,
    clock,
    retentionWith,
    trailStore,
    retention: retentionWith(ledger),
    executions: executionRepository(db, writer, ledger),
    sessions: sessionRepository(db, writer),
    keys: idempotencyRepository(db, writer),
    audit: auditRepository(db, writer),
    [Symbol.asyncDispose]: () => resources.disposeAsync(),
  };
}
type Opened = Awaited<ReturnType<typeof openTemporary>>;

async function addTenant({ db, writer }: Opened, name: string): Promise<TenantId> {
  const id = newTenantId();
  await tenantRepository(db, writer).addTenant(
    { id, name, createdAt: 1000 * DAY_MS },
    { id: newApiKeyId(), tenantId: id, name: 'key', role: 'member', hash: name, createdAt: 1000 * DAY_MS },
  );
  return id;
}

async function begin(store: Opened, tenantId: TenantId, sessionId: SessionId | null = null) {
  const id = newExecutionId({
    nowMs: () => store.clock.now,
    random: randomBytes,
  });
  const fields = { id, tenantId, sessionId, language: 'python', templateId: 'python' } as const;
  const queued = queuedExecution({
    ...fields,
    codeSha256: '',
    submittedBy: null,
    replicaId: null,
    createdAt: store.clock.now,
  });
  const running = advance(queued, RUNNING, store.clock.now) ?? assert.fail();
  await store.executions.insert(running, null);
  return running;
}

async function execute(store: Opened, tenantId: TenantId, text = 'x', sessionId: SessionId | null = null) {
  store.clock.now += 1;
  const running = await begin(store, tenantId, sessionId);
  const ended = advance(running, SUCCEEDED, store.clock.now) ?? assert.fail();
  await store.executions.finish(ended, [{ type: 'stdout', text }], SYSTEM);
  return ended.id;
}

async function endedSession(store: Opened, tenantId: TenantId): Promise<SessionId> {
  const resources = { cpuMillicores: 1, memoryBytes: 1, diskBytes: 1, pids: 1 };
  const record = creatingSession({
    ...{
      id: newSessionId(),
      tenantId,
      sandboxId: newSandboxId(),
      nodeId: null,
      templateId: 'python',
      languages: ['python'],
    },
    isolation: 'container',
    resources,
    metadata: {},
    idleTimeoutMs: null,
    createdAt: store.clock.now,
    expiresAt: store.clock.now + DAY_MS,
  });
  await store.sessions.insert(record, SYSTEM, 1000);
  const ended = advanceSession(record, { type: 'terminated', reason: 'requested' }, store.clock.now);
  await store.sessions.change(ended ?? assert.fail(), LIVE_STATUSES, 'session.terminated', SYSTEM);
  return record.id;
}

async function stateOf(
  store: Opened,
  tenantId: TenantId,
  id: ExecutionId,
): Promise<'kept' | 'expired' | 'removed'> {
  const found = await store.executions.read(tenantId, id);
  if (found === undefined) return 'removed';
  assert.equal(found.output.pageCount === 0, found.expired);
  return found.expired ? 'expired' : 'kept';
}

test('expired executions, sessions and idempotency keys are removed, live ones stay', async () => {
  await using store = await openTemporary();
  const tenantId = await addTenant(store, 'tenant');
  const session = await endedSession(store, tenantId);
  const old: ExecutionId[] = [];
  for (let index = 0; index < 150; index += 1)
    old.push(await execute(store, tenantId, 'x'.repeat(index * 20)));
  const step = await execute(store, tenantId, 'x', session);
  const stillRunning = await begin(store, tenantId);
  const { now: createdAt } = store.clock;
  const key = { tenantId, endpoint: 'jobs', key: 'k', fingerprint: '', resourceId: step, createdAt };
  await store.keys.reserve(key, createdAt);
  await store.retention.sweep(never);
  assert.equal(await stateOf(store, tenantId, old[0] ?? step), 'kept');
  store.clock.now += 7 * DAY_MS - 1;
  const young = await execute(store, tenantId);
  const youngSession = await endedSession(store, tenantId);
  store.clock.now += 1;
  await store.retention.sweep(never);
  for (const id of [...old, step]) assert.equal(await stateOf(store, tenantId, id), 'removed');
  assert.equal(await stateOf(store, tenantId, young), 'kept');
  assert.equal((await store.executions.find(tenantId, stillRunning.id))?.state.status, 'running');
  assert.equal(await store.sessions.find(tenantId, session), undefined);
  assert.ok(await store.sessions.find(tenantId, youngSession));
  assert.equal(await store.keys.find(tenantId, 'jobs', 'k', 0), undefined);
  const pages = await sql<{ count: number }>`select count(*) as count from execution_output_pages`.execute(
    store.db,
  );
  assert.equal(pages.rows[0]?.count, 0);
});

test('a tenant with too much output loses its oldest, other tenants none', async () => {
  const bytes = 20_000;
  await using store = await openTemporary({ maxOutputBytesPerTenant: 10 * bytes });
  const [tenant, other] = [await addTenant(store, 'a'), await addTenant(store, 'b')];
  const theirs = await execute(store, other, 'x'.repeat(bytes));
  const ids: ExecutionId[] = [];
  const run = async (count: number) => {
    for (let index = 0; index < count; index += 1) ids.push(await execute(store, tenant, 'x'.repeat(bytes)));
    await store.retention.sweep(never);
    return (await Promise.all(ids.map((id) => stateOf(store, tenant, id)))).filter(
      (state) => state === 'kept',
    ).length;
  };
  assert.equal(await run(9), 9);
  assert.equal(await run(30), 8);
  assert.equal(await run(1), 9);
  assert.equal(await run(1), 8);
  const states = await Promise.all(ids.map((id) => stateOf(store, tenant, id)));
  assert.deepEqual(states, [...states].sort(), 'the oldest have expired, the newest are kept');
  assert.equal(await stateOf(store, other, theirs), 'kept');
  // Another process does not have the count.
  await store.retentionWith(new OutputLedger(false)).sweep(never);
  assert.equal(
    (await Promise.all(ids.map((id) => stateOf(store, tenant, id)))).filter((state) => state === 'kept')
      .length,
    8,
  );
});

async function trailOf(store: Opened, tenantId: TenantId) {
  return (await store.audit.list(tenantId, { limit: 10_000, before: undefined })).toReversed();
}

test('a trimmed trail can be verified from the checkpoint that it records', async () => {
  await using store = await openTemporary();
  const [tenant, other] = [await addTenant(store, 'a'), await addTenant(store, 'b')];
  for (let index = 0; index < 450; index += 1) await execute(store, tenant);
  assert.equal(await store.audit.checkpoint(tenant), undefined);
  store.clock.now += AUDIT_AGE_MS + DAY_MS / 2;
  await store.retention.sweep(never);
  assert.equal(await store.audit.checkpoint(tenant), undefined, 'not yet: trims have a minimum interval');
  store.clock.now += DAY_MS / 2;
  await execute(store, tenant);
  await store.retention.sweep(never);
  const checkpoint = (await store.audit.checkpoint(tenant)) ?? assert.fail();
  assert.equal(checkpoint.sequence, 2 + 450);
  const trail = await trailOf(store, tenant);
  assert.deepEqual(
    trail.map(({ action, sequence }) => [action, sequence]),
    [
      ['execution.finished', 453],
      ['audit.trimmed', 454],
    ],
  );
  assert.equal(findBreak(trail, checkpoint), undefined);
  assert.equal(recordsTrim(trail, checkpoint), true);
  assert.deepEqual(findBreak(trail), { sequence: 1, problem: 'missing' });
  assert.equal(recordsTrim(trail, { ...checkpoint, sequence: 451 }), false);
  assert.equal((await store.audit.checkpoint(other))?.sequence, 2);
  await execute(store, tenant);
  assert.equal(findBreak(await trailOf(store, tenant), checkpoint), undefined);
});

test('an interrupted removal is continued, and its remainder is not listed', async () => {
  await using store = await openTemporary();
  const tenant = await addTenant(store, 'a');
  for (let index = 0; index < 10; index += 1) await execute(store, tenant);
  const last = (await trailOf(store, tenant)).at(-1) ?? assert.fail();
  await store.trailStore.setCheckpoint(tenant, last, store.clock.now);
  const trail = await trailOf(store, tenant);
  assert.deepEqual(
    trail.map(({ action }) => action),
    ['audit.trimmed'],
  );
  assert.equal(findBreak(trail, last), undefined);
  await store.retention.sweep(never);
  const rows = await store.db
    .selectFrom('audit_events')
    .select('sequence')
    .where('tenant_id', '=', tenant)
    .execute();
  assert.deepEqual(
    rows.map(({ sequence }) => sequence),
    [last.sequence + 1],
  );
});

test('a stopped sweep ends at its next step', async () => {
  await using store = await openTemporary();
  const tenantId = await addTenant(store, 'tenant');
  for (let index = 0; index < 30; index += 1) await execute(store, tenantId);
  store.clock.now += 7 * DAY_MS;
  const stopped = AbortSignal.abort();
  await store.retention.sweep(stopped);
  const { rows } = await sql<{ count: number }>`select count(*) as count from executions`.execute(store.db);
  assert.equal(rows[0]?.count, 30);
});
