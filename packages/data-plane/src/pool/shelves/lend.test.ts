import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Sandbox } from '../../runtimes/runtime.ts';
import { occupy } from './lend.ts';

function ending(end: () => Promise<void>): { sandbox: Sandbox; given: () => boolean } {
  let given = false;
  const room = {
    [Symbol.dispose]: () => {
      given = true;
    },
  };
  const sandbox = { id: 'sbx_1', [Symbol.asyncDispose]: end } as unknown as Sandbox;
  return { sandbox: occupy(sandbox, room), given: () => given };
}

test('the room of a sandbox is given back when it is really gone, and not before', async () => {
  const gone: PromiseWithResolvers<void> = Promise.withResolvers();
  const { sandbox, given } = ending(async () => gone.promise);
  const ended = sandbox[Symbol.asyncDispose]();
  await Promise.resolve();
  assert.equal(given(), false);
  gone.resolve();
  await ended;
  assert.equal(given(), true);
});

test('a sandbox that could not be removed keeps its room', async () => {
  const { sandbox, given } = ending(async () => Promise.reject(new Error('wedged')));
  await assert.rejects(async () => sandbox[Symbol.asyncDispose](), /wedged/);
  assert.equal(given(), false);
});
