import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { test } from 'node:test';
import { CONTROL_PLANE_SETTINGS } from '@caisson/control-plane';
import { NODE_SETTINGS } from '@caisson/data-plane';
import { variableOf } from '../../packages/cli/src/settings.ts';
import { makeServerHome, Server } from '../support/server.ts';

test('the settings page lists every setting', () => {
  const page = readFileSync(new URL('../../docs/settings.md', import.meta.url), 'utf8');
  const settings = [...CONTROL_PLANE_SETTINGS.filter((name) => name !== 'dataDir'), ...NODE_SETTINGS];
  const missing = settings.map(variableOf).filter((variable) => !page.includes(`\`${variable}\``));
  assert.deepEqual(missing, []);
});

test('a server applies the settings of its environment, and refuses wrong ones by name', async () => {
  using home = makeServerHome();
  await assert.rejects(
    Server.start(home, { environment: { CAISSON_MAX_PIDS: 'many' } }),
    /CAISSON_MAX_PIDS: /,
  );
  await using server = await Server.start(home, { environment: { CAISSON_MAX_PIDS: '50' } });
  const { status, body } = await server.call('POST', '/api/v1/sessions', {
    body: { resources: { pids: 51 } },
  });
  assert.equal(status, 422, JSON.stringify(body));
  assert.match(JSON.stringify(body), /resources\.pids/);
});
