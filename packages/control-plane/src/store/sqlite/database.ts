import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { Kysely } from 'kysely';
import type { CompiledQuery } from 'kysely';
import { Migrator } from 'kysely/migration';
import { auditStatements } from '../audit-rows.ts';
import { GroupCommit } from './group-commit.ts';
import { GuardedWriter } from '../writing/guarded-writer.ts';
import { MIGRATIONS } from './migrations.ts';
import { openSqlite, sqliteDialect, statementCache } from './driver.ts';
import { StorageHealth } from '../writing/storage-health.ts';
import type { StorageHealthOptions } from '../writing/storage-health.ts';
import type { Tables } from '../tables.ts';
import type { Writer } from '../writing/writer.ts';

export const DATABASE_FILE = 'caisson.db';
const PROBE_BYTES = 32 * 1024;

export interface Store extends AsyncDisposable {
  readonly db: Kysely<Tables>;
  readonly writer: Writer;
  /** Whether writes work. */
  readonly storage: StorageHealth;
}

/** The database in `dataDir`, made and migrated if need be. Its `destroy` closes it. */
export async function openDatabase(dataDir: string): Promise<Kysely<Tables>> {
  return (await openStore(dataDir)).db;
}

/** The same, with the quick way to write; disposed of, it commits what waits, then closes the database. */
export async function openStore(
  dataDir: string,
  options: Omit<StorageHealthOptions, 'probe'> = {},
): Promise<Store> {
  await mkdir(dataDir, { recursive: true, mode: 0o700 });
  const database = openSqlite(join(dataDir, DATABASE_FILE));
  const prepare = statementCache(database);
  const db = new Kysely<Tables>({ dialect: sqliteDialect(database, prepare) });
  try {
    await migrate(db);
  } catch (error) {
    await db.destroy();
    throw error;
  }
  const commits = new GroupCommit({
    database,
    prepare,
    trail: auditStatements(db),
    exclusively: (act) => db.connection().execute(act),
  });
  const writeProbe = probeOf(db);
  const storage = new StorageHealth({ ...options, probe: () => commits.write([writeProbe]) });
  return {
    db,
    storage,
    writer: new GuardedWriter(commits, storage),
    async [Symbol.asyncDispose]() {
      // Its last attempt needs the database; where nothing waits for it, nothing more is taken from now on.
      if (!storage.working) await storage[Symbol.asyncDispose]();
      await commits.close();
      await storage[Symbol.asyncDispose]();
      await db.destroy();
    },
  };
}

/** A few pages, as a small execution needs. */
function probeOf(db: Kysely<Tables>): CompiledQuery {
  const filler = Buffer.alloc(PROBE_BYTES);
  return db
    .insertInto('storage_probe')
    .values({ id: 1, filler })
    .onConflict((conflict) => conflict.column('id').doUpdateSet({ filler }))
    .compile();
}

async function migrate(db: Kysely<Tables>): Promise<void> {
  const provider = { getMigrations: () => Promise.resolve(MIGRATIONS) };
  const { error } = await new Migrator({ db, provider }).migrateToLatest();
  if (error !== undefined) throw new Error('the database could not be migrated', { cause: error });
}
