import assert from 'node:assert/strict';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { isCaissonError, newTenantId } from '@caisson/protocol/api';
import { sql } from 'kysely';
import { openStore } from '../sqlite/database.ts';
import type { Store } from '../store.ts';
import { StorageHealth } from './storage-health.ts';

const works = async (health: StorageHealth) => {
  while (!health.working) await new Promise(setImmediate);
};
const unavailable = (error: unknown) => isCaissonError(error, 'storage_unavailable');

function failingUntil(canWrite: () => boolean, health: () => StorageHealth): () => Promise<void> {
  return () => (canWrite() ? Promise.resolve() : Promise.reject(health().unavailable()));
}

test('kept writes are retried in the order of the calls, and only then do writes work again', async () => {
  let canWrite = false;
  const changes: boolean[] = [];
  const written: string[] = [];
  await using health: StorageHealth = new StorageHealth({
    probe: failingUntil(
      () => canWrite,
      () => health,
    ),
    onChange: (failure) => changes.push(failure === undefined),
    firstPauseMs: 1,
  });
  health.failed(new Error('full'));
  health.failed(new Error('still full'));
  assert.throws(() => {
    health.assertWorking();
  }, unavailable);
  const kept = ['a', 'b', 'c'].map((name) =>
    health.untilWritten(() => {
      assert.equal(health.working, false);
      written.push(name);
      return name === 'b' ? Promise.reject(new Error('no such row')) : Promise.resolve();
    }),
  );
  assert.equal(health.unwritten, 3);
  canWrite = true;
  const settled = await Promise.allSettled(kept);
  assert.deepEqual(
    settled.map(({ status }) => status),
    ['fulfilled', 'rejected', 'fulfilled'],
  );
  assert.deepEqual(written, ['a', 'b', 'c']);
  await works(health);
  assert.equal(health.unwritten, 0);
  assert.deepEqual(changes, [false, true]);
});

test('a write that fails again stays first, and later ones wait', async () => {
  let attempts = 0;
  const written: string[] = [];
  await using health = new StorageHealth({ probe: () => Promise.resolve(), firstPauseMs: 1 });
  const first = health.untilWritten(() => {
    attempts += 1;
    if (attempts < 3) return Promise.reject(health.unavailable());
    written.push('first');
    return Promise.resolve();
  });
  const second = health.untilWritten(() => {
    written.push('second');
    return Promise.resolve();
  });
  await Promise.all([first, second]);
  assert.deepEqual(written, ['first', 'second']);
});

test('disposal retries once more, and gives up the rest', async () => {
  let canWrite = false;
  const make = () => {
    const health: StorageHealth = new StorageHealth({
      probe: failingUntil(
        () => canWrite,
        () => health,
      ),
      firstPauseMs: 60_000,
    });
    return health;
  };
  const hopeless = make();
  const given = assert.rejects(
    hopeless.untilWritten(() => Promise.resolve()),
    unavailable,
  );
  await hopeless[Symbol.asyncDispose]();
  await given;
  const late = make();
  const kept = late.untilWritten(() => Promise.resolve());
  canWrite = true;
  await late[Symbol.asyncDispose]();
  await kept;
  await assert.rejects(
    late.untilWritten(() => Promise.resolve()),
    unavailable,
  );
});

async function openTemporary(): Promise<AsyncDisposable & { store: Store }> {
  const path = await mkdtemp(join(tmpdir(), 'caisson-store-'));
  const store = await openStore(path, { firstPauseMs: 1 });
  return {
    store,
    async [Symbol.asyncDispose]() {
      await store[Symbol.asyncDispose]();
      await rm(path, { recursive: true, force: true });
    },
  };
}

function insert({ db }: Store, name: string) {
  return db.insertInto('tenants').values({ id: newTenantId(), name, created_at: 0 }).compile();
}

test('a database that cannot grow refuses writes until it can; a constraint violation does not stop others', async () => {
  await using opened = await openTemporary();
  const { store } = opened;
  const { db, writer, storage } = store;
  await writer.write([insert(store, 'taken')]);
  await assert.rejects(writer.write([insert(store, 'taken')]), /UNIQUE/);
  assert.equal(storage.working, true);

  const pages = await sql<{ page_count: number }>`pragma page_count`.execute(db);
  await sql.raw(`pragma max_page_count = ${pages.rows[0]?.page_count ?? 0}`).execute(db);
  const large = 'x'.repeat(100_000);
  const together = await Promise.allSettled(
    ['1', '2', '3'].map((index) => writer.write([insert(store, large + index)])),
  );
  for (const one of together) assert.ok(one.status === 'rejected' && unavailable(one.reason));
  assert.throws(() => {
    storage.assertWorking();
  }, unavailable);
  await assert.rejects(writer.write([insert(store, 'small')]), unavailable);
  const kept = storage.orLater(() => writer.writeAnyway([insert(store, `${large}kept`)]));
  await assert.rejects(kept, unavailable);
  assert.equal(storage.unwritten, 1);

  await sql.raw('pragma max_page_count = 1000000').execute(db);
  await works(storage);
  await writer.write([insert(store, 'small')]);
  const rows = await db.selectFrom('tenants').select('name').execute();
  assert.deepEqual(rows.map(({ name }) => name.replace(large, '')).toSorted(), ['kept', 'small', 'taken']);
});
