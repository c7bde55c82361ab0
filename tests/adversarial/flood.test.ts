import assert from 'node:assert/strict';
import { test } from 'node:test';
import { makeServerHome, Server } from '../support/server.ts';
import { addTenant } from '../support/tenant.ts';
import { measureFlood } from './measure-flood.ts';

/**
 * Far above the figure on two free cores, because other tests run in parallel. Far below the effect of a flood without fair
 * reading, which took many seconds or crashed the server. The benchmark measures the real figure.
 */
const BOUNDS = { jobP99Ms: 5_000, healthP99Ms: 1_000, latenessMs: 3_000, growthMib: 100 };

test('eight jobs that flood the server in every way hardly affect other tenants', async (context) => {
  using home = makeServerHome();
  // The first start creates the operator's key.
  await (await Server.start(home)).stop();
  const key = await addTenant(home.dataDir, 'bystander');
  await using server = await Server.start(home);
  const { failures, ...figures } = await measureFlood(server, key, { quietMs: 3_000, floodingMs: 12_000 });
  for (const [name, figure] of Object.entries(figures)) context.diagnostic(`${name}: ${figure.toFixed(1)}`);
  assert.deepEqual(failures, []);
  for (const [name, bound] of Object.entries(BOUNDS)) {
    assert.ok(figures[name as keyof typeof BOUNDS] <= bound, `${name}: more than ${bound}`);
  }
});
