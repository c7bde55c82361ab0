import assert from 'node:assert/strict';
import { test } from 'node:test';
import { ERROR_KINDS } from '@caisson/protocol/api';
import { start } from '../../testing/start.ts';

test('the type of every problem points to its row on the errors page', async () => {
  await using server = await start();
  const response = await server.call('GET', '/docs/errors');
  assert.equal(response.status, 200);
  const page = await response.text();
  for (const code of Object.keys(ERROR_KINDS)) assert.ok(page.includes(`id="${code}"`), code);
});
