import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import type { DatabaseSync } from 'node:sqlite';
import { Kysely } from 'kysely';
import type { CompiledQuery } from 'kysely';
import { Migrator } from 'kysely/migration';
import { auditStatements } from '../audit-rows.ts';
import { GroupCommit } from './group-commit.ts';
import { GuardedWriter } from '../writing/guarded-writer.ts';
import { MIGRATIONS } from './migrations.ts';
import { openSqlite, sqliteDialect, statementCache } from './driver.ts';
import { isBusy } from './storage-failure.ts';
import { StorageHealth } from '../writing/storage-health.ts';
import type { StorageHealthOptions } from '../writing/storage-health.ts';
import type { Tables } from '../tables.ts';
import { waitingWhileBusy } from './waiting-while-busy.ts';
import type { Writer } from '../writing/writer.ts';

export const DATABASE_FILE = 'caisson.db';
/** A server that wants the database for itself waits so long for one that is just ending. */
const TAKE_OVER_DEADLINE_MS = 1000;
const PROBE_BYTES = 32 * 1024;

export interface StoreOptions extends Omit<StorageHealthOptions, 'probe'> {
  /** Nobody else may have the database open: not this process, and no other. */
  readonly exclusive?: boolean;
}

export interface Store extends AsyncDisposable {
  readonly db: Kysely<Tables>;
  readonly writer: Writer;
  /** Whether writes work. */
  readonly storage: StorageHealth;
}

/** The database in `dataDir`, made and migrated if need be, for any number at a time. Its `destroy` closes it. */
export async function openDatabase(dataDir: string): Promise<Kysely<Tables>> {
  return (await openStore(dataDir)).db;
}

/**
 * The same, with the quick way to write; disposed of, it commits what waits, then closes the database. Several may have the
 * same database, in this process and in others of this host.
 */
export async function openStore(
  dataDir: string,
  { exclusive = false, ...options }: StoreOptions = {},
): Promise<Store> {
  await mkdir(dataDir, { recursive: true, mode: 0o700 });
  const path = join(dataDir, DATABASE_FILE);
  const database = await opened(path, exclusive);
  const prepare = statementCache(database);
  const db = new Kysely<Tables>({ dialect: sqliteDialect(database, prepare) });
  try {
    await waitingWhileBusy(() => migrate(db));
  } catch (error) {
    await db.destroy();
    throw error;
  }
  const commits = new GroupCommit({
    database,
    prepare,
    trail: auditStatements(db),
    shared: !exclusive,
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

async function opened(path: string, exclusive: boolean): Promise<DatabaseSync> {
  try {
    return await waitingWhileBusy(
      () => openSqlite(path, exclusive),
      exclusive ? TAKE_OVER_DEADLINE_MS : undefined,
    );
  } catch (cause) {
    throw new Error(`the database ${path} cannot be opened; is another server using it?`, { cause });
  }
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
  if (isBusy(error)) throw error;
  if (error !== undefined) throw new Error('the database could not be migrated', { cause: error });
}
