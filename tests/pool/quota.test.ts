import assert from 'node:assert/strict';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { controlPlaneConfig, createControlPlane } from '@caisson/control-plane';
import { healthDetailed, session as sessionView } from '@caisson/protocol/api';
import { pino } from 'pino';
import { startDataPlane } from '../support/sandbox.ts';
import { until } from '../support/server.ts';

/** Not a default size of any template, so that none is ready before the first request. */
const RESOURCES = { cpu: '1', memory: '96Mi', disk: '16Mi', pids: 64 };
const DEADLINE_MS = 30_000;

/** Both planes over real sandboxes; a tenant may have two sessions. */
async function startPlanes() {
  await using undo = new AsyncDisposableStack();
  const dataDir = mkdtempSync(join(tmpdir(), 'caisson-data-'));
  undo.defer(() => {
    rmSync(dataDir, { recursive: true });
  });
  const { node, dataPlane } = undo.use(await startDataPlane());
  const control = await createControlPlane({
    config: controlPlaneConfig.parse({ dataDir, maxSessionsPerTenant: 2 }),
    dataPlane: node,
    logger: pino({ level: 'silent' }),
  });
  undo.defer(() => control.close());
  const { url } = await control.listen(0, '127.0.0.1');
  dataPlane.warmUp();
  const authorization = `Bearer ${readFileSync(join(dataDir, 'admin.key'), 'utf8')}`;
  const call = async (method: string, path: string, body?: object): Promise<unknown> => {
    const answer = await fetch(`${url}/api/v1/${path}`, {
      method,
      headers: { authorization, ...(body && { 'content-type': 'application/json' }) },
      signal: AbortSignal.timeout(DEADLINE_MS),
      ...(body && { body: JSON.stringify(body) }),
    });
    assert.ok(answer.ok, `${method} ${path}: ${answer.status}`);
    return answer.json();
  };
  const resources = undo.move();
  return { call, [Symbol.asyncDispose]: async () => resources.disposeAsync() };
}

test('a pool keeps no more sandboxes ready than the quota of the tenant has left, however often it asks', async () => {
  await using planes = await startPlanes();
  const { call } = planes;
  const open = async () =>
    sessionView.parse(await call('POST', 'sessions', { resources: RESOURCES })).session_id;
  const close = async (id: string) => call('POST', `sessions/${id}/terminate`, {});
  const pool = async () => {
    const { pools } = healthDetailed.parse(await call('GET', 'health/detailed'));
    const found = pools.find(({ resources }) => resources.memory === RESOURCES.memory);
    return [found?.target, found?.ready];
  };
  const untilReady = async (count: number) =>
    until(`${count} are to be ready, and are`, async () => (await pool()).join() === `${count},${count}`);
  // Judging by the number of requests alone, three or four would be kept ready.
  for (let asked = 0; asked < 30; asked++) await close(await open());
  await untilReady(2);
  const first = await open();
  await untilReady(1);
  const second = await open();
  await untilReady(0);
  await close(first);
  await close(second);
  await untilReady(2);
});
