import assert from 'node:assert/strict';
import { test } from 'node:test';
import { healthDetailed } from '@caisson/protocol/api';
import { start } from '../../testing/start.ts';

test('a server whose data plane can create no sandboxes is alive but not ready, and says why', async () => {
  await using server = await start();
  const statusOf = async (path: string) => (await server.call('GET', path)).status;
  assert.equal(await statusOf('/readyz'), 200);
  server.plane.plane.problems.push('the mount namespace has ended');
  assert.equal(await statusOf('/readyz'), 503);
  assert.equal(await statusOf('/healthz'), 200);
  const detailed = healthDetailed.parse(await (await server.call('GET', '/api/v1/health/detailed')).json());
  assert.equal(detailed.status, 'unavailable');
  assert.deepEqual(detailed.problems, ['the mount namespace has ended']);
});
