import assert from 'node:assert/strict';
import { test } from 'node:test';
import { pino } from 'pino';
import { HostWatch } from './host-watch.ts';

const logger = pino({ level: 'silent' });

/** A host that can lose a part. */
function makeHost() {
  const ended = Promise.withResolvers<undefined>();
  const state: { problem: string | undefined; kills: number } = { problem: undefined, kills: 0 };
  const host = {
    problem: () => state.problem,
    ended: ended.promise,
    killAll: async () => {
      state.kills += 1;
      return Promise.resolve();
    },
  };
  return { host, state, end: ended.resolve };
}

test('a part that reports its own end is noticed, and the sandboxes are killed once before the failure is reported', async () => {
  const { host, state, end } = makeHost();
  const order: string[] = [];
  using watch = new HostWatch(host, logger, async () => {
    order.push(`told after ${state.kills} kill`);
    return Promise.resolve();
  });
  assert.ok(watch.isWhole());
  assert.deepEqual(watch.problems, []);
  state.problem = 'the helper has ended';
  end(undefined);
  assert.equal((await watch.failed).message, 'the helper has ended');
  assert.deepEqual(order, ['told after 1 kill']);
  assert.equal(watch.isWhole(), false);
  assert.equal(state.kills, 1);
  assert.deepEqual(watch.problems, ['the helper has ended']);
});

test('a failure is final, even if the part seems to be back', async () => {
  const { host, state } = makeHost();
  using watch = new HostWatch(host, logger, () => Promise.resolve());
  state.problem = 'a directory is not there';
  assert.equal(watch.isWhole(), false);
  state.problem = undefined;
  assert.equal(watch.isWhole(), false);
  await watch.failed;
});

test('the failure is reported even if the sandboxes cannot be killed', async () => {
  const { host, state } = makeHost();
  const failing = { ...host, killAll: async () => Promise.reject(new Error('no cgroup')) };
  using watch = new HostWatch(failing, logger, () => Promise.resolve());
  state.problem = 'a directory is not there';
  assert.equal(watch.isWhole(), false);
  assert.equal((await watch.failed).message, 'a directory is not there');
});

test('disposing is no failure', async () => {
  const { host, state, end } = makeHost();
  const watch = new HostWatch(host, logger, () => Promise.resolve());
  watch[Symbol.dispose]();
  state.problem = 'the helper has ended';
  end(undefined);
  await host.ended;
  assert.ok(watch.isWhole());
  assert.equal(state.kills, 0);
});
