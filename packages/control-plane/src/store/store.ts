import type { CompiledQuery, Kysely } from 'kysely';
import type { Database } from './database.ts';
import type { Tables } from './tables.ts';
import { GuardedWriter } from './writing/guarded-writer.ts';
import { StorageHealth } from './writing/storage-health.ts';
import type { StorageHealthOptions } from './writing/storage-health.ts';
import type { Writer } from './writing/writer.ts';

const PROBE_BYTES = 32 * 1024;

export type StoreOptions = Omit<StorageHealthOptions, 'probe'>;

/** An open database, as repositories use it. Disposal commits pending writes, then closes the database. */
export interface Store extends AsyncDisposable, Pick<Database, 'db' | 'driver' | 'shared'> {
  readonly writer: Writer;
  /** Whether writes work. */
  readonly storage: StorageHealth;
}

/** Takes ownership of `database`, and closes it. */
export function storeOf(database: Database, options: StoreOptions): Store {
  const { db, driver, shared, commits } = database;
  const writeProbe = probeOf(db);
  const storage = new StorageHealth({ ...options, probe: () => commits.write([writeProbe]) });
  return {
    db,
    driver,
    shared,
    storage,
    writer: new GuardedWriter(commits, storage, (error) => database.isStorageFailure(error)),
    async [Symbol.asyncDispose]() {
      // Its last attempt needs the database; without unwritten records, no more writes are accepted from now on.
      if (!storage.working) await storage[Symbol.asyncDispose]();
      await database.stopWriting();
      await storage[Symbol.asyncDispose]();
      await db.destroy();
    },
  };
}

/** Writes a few pages, as a small execution does. */
function probeOf(db: Kysely<Tables>): CompiledQuery {
  const filler = Buffer.alloc(PROBE_BYTES);
  return db
    .insertInto('storage_probe')
    .values({ id: 1, filler })
    .onConflict((conflict) => conflict.column('id').doUpdateSet({ filler }))
    .compile();
}
