import assert from 'node:assert/strict';
import { test } from 'node:test';
import { freezeV2, thawV2 } from './freezer.ts';

const DEADLINE_MS = 60_000;

/** `cgroup.freeze` and `cgroup.events`; the processes change state after this many reads. */
function fakeFiles(looksUntilDone: number) {
  const writes: string[] = [];
  let [frozen, looks] = ['0', 0];
  return {
    writes,
    freeze: {
      write: (value: string) => {
        writes.push(value);
        looks = 0;
        return true;
      },
    },
    events: {
      read: () => {
        looks += 1;
        if (looks > looksUntilDone) frozen = writes.at(-1) ?? '0';
        return `populated 1\nfrozen ${frozen}\n`;
      },
    },
  };
}

test('a cgroup is frozen, and thawed, once its events say so', async () => {
  const files = fakeFiles(3);
  assert.equal(await freezeV2(files, AbortSignal.timeout(DEADLINE_MS)), true);
  assert.match(files.events.read(), /frozen 1/);
  await thawV2(files, AbortSignal.timeout(DEADLINE_MS));
  assert.match(files.events.read(), /frozen 0/);
  assert.deepEqual(files.writes, ['1', '0']);
});

test('a cgroup that does not freeze in time is thawed, and the reason is thrown', async () => {
  const files = fakeFiles(Infinity);
  await assert.rejects(freezeV2(files, AbortSignal.timeout(5)), { name: 'TimeoutError' });
  assert.deepEqual(files.writes, ['1', '0']);
});

test('a cgroup without a freezer is not frozen', async () => {
  const files = { ...fakeFiles(0), freeze: { write: () => false } };
  assert.equal(await freezeV2(files, AbortSignal.timeout(DEADLINE_MS)), false);
});
