import assert from 'node:assert/strict';
import { test } from 'node:test';
import { joinHosts } from './join-hosts.ts';

function makeHost() {
  const ended = Promise.withResolvers<undefined>();
  const state: { problem: string | undefined; kills: number } = { problem: undefined, kills: 0 };
  return {
    state,
    end: ended.resolve,
    host: {
      problem: () => state.problem,
      ended: ended.promise,
      killAll: async () => {
        state.kills += 1;
        return Promise.resolve();
      },
    },
  };
}

test('the first problem is reported, the end of one host ends all, and all sandboxes are killed', async () => {
  const [instance, one, other] = [makeHost(), makeHost(), makeHost()];
  const joined = joinHosts(instance.host, [one.host, other.host]);
  assert.equal(joined.problem(), undefined);
  other.state.problem = 'the helper has ended';
  assert.equal(joined.problem(), 'the helper has ended');
  instance.state.problem = 'the directory was removed';
  assert.equal(joined.problem(), 'the directory was removed');
  other.end(undefined);
  await joined.ended;
  await joined.killAll(new AbortController().signal);
  assert.deepEqual([one.state.kills, other.state.kills], [1, 1]);
});
