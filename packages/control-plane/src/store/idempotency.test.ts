import assert from 'node:assert/strict';
import { test } from 'node:test';
import { idempotencyRepository } from './idempotency.ts';
import { openTwice } from './temporary-stores.testing.ts';

async function openRepositories() {
  const twice = await openTwice();
  const [first, second] = twice.stores;
  const key = { tenantId: twice.tenantId, endpoint: 'POST /jobs', key: 'k' };
  return {
    ...twice,
    key,
    record: (resourceId: string, createdAt = 100) => ({
      ...key,
      fingerprint: `of ${resourceId}`,
      resourceId,
      createdAt,
    }),
    repositories: [
      idempotencyRepository(first.db, first.writer),
      idempotencyRepository(second.db, second.writer),
    ] as const,
  };
}

test('concurrent reservations of a key all return the same record', async () => {
  await using opened = await openRepositories();
  const { repositories } = opened;
  const reserved = await Promise.all(
    Array.from({ length: 20 }, (_, index) =>
      repositories[index % 2 === 0 ? 0 : 1].reserve(opened.record(`r${index}`), 0),
    ),
  );
  assert.equal(new Set(reserved.map(({ resourceId }) => resourceId)).size, 1);
  assert.equal(reserved[0]?.fingerprint, `of ${reserved[0]?.resourceId ?? ''}`);
});

test('a key is free again when its record has expired', async () => {
  await using opened = await openRepositories();
  const [store] = opened.repositories;
  await store.reserve(opened.record('old', 100), 0);
  assert.equal((await store.reserve(opened.record('early', 200), 99)).resourceId, 'old');
  assert.equal((await store.reserve(opened.record('new', 200), 100)).resourceId, 'new');
  assert.equal((await store.reserve(opened.record('late', 201), 100)).resourceId, 'new');
});

test('a failed request releases its own reservation, and nothing else', async () => {
  await using opened = await openRepositories();
  const { key, repositories } = opened;
  await repositories[0].reserve(opened.record('failed'), 0);
  await repositories[1].release({ ...key, resourceId: 'another' });
  assert.equal((await repositories[1].reserve(opened.record('waits'), 0)).resourceId, 'failed');
  await repositories[0].release({ ...key, resourceId: 'failed' });
  assert.equal((await repositories[1].reserve(opened.record('next'), 0)).resourceId, 'next');
});
