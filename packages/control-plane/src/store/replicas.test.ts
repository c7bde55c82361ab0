import assert from 'node:assert/strict';
import { test } from 'node:test';
import { replicaId } from '@caisson/protocol/api';
import { replicaRepository } from './replicas.ts';
import { openTwice } from './temporary-stores.testing.ts';

test('replicas without a recent heartbeat are found, and can be removed', async () => {
  await using opened = await openTwice();
  const [first, second] = opened.stores.map(({ db, writer }) => replicaRepository(db, writer)) as [
    ReturnType<typeof replicaRepository>,
    ReturnType<typeof replicaRepository>,
  ];
  const [a, b] = [replicaId.parse('a'), replicaId.parse('b')];
  await first.seen(a, 10);
  await second.seen(b, 20);
  assert.deepEqual(await first.seenBefore(10), []);
  assert.deepEqual(await first.seenBefore(11), [a]);
  assert.deepEqual(await first.seenBefore(21), [a, b]);
  await second.seen(a, 30);
  await first.seen(a, 25);
  assert.deepEqual(await first.seenBefore(30), [b]);
  await first.remove(b);
  assert.deepEqual(await second.seenBefore(31), [a]);
});
