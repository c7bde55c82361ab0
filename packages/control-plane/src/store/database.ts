import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { Kysely } from 'kysely';
import { Migrator } from 'kysely/migration';
import { auditStatements } from './audit-rows.ts';
import { GroupCommit } from './group-commit.ts';
import { MIGRATIONS } from './migrations.ts';
import { openSqlite, sqliteDialect, statementCache } from './sqlite.ts';
import type { Tables } from './tables.ts';
import type { Writer } from './writer.ts';

export const DATABASE_FILE = 'caisson.db';

export interface Store extends AsyncDisposable {
  readonly db: Kysely<Tables>;
  readonly writer: Writer;
}

/** The database in `dataDir`, made and migrated if need be. Its `destroy` closes it. */
export async function openDatabase(dataDir: string): Promise<Kysely<Tables>> {
  return (await openStore(dataDir)).db;
}

/** The same, with the quick way to write; disposed of, it commits what waits, then closes the database. */
export async function openStore(dataDir: string): Promise<Store> {
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
  const writer = new GroupCommit({
    database,
    prepare,
    trail: auditStatements(db),
    exclusively: (act) => db.connection().execute(act),
  });
  return {
    db,
    writer,
    async [Symbol.asyncDispose]() {
      await writer.close();
      await db.destroy();
    },
  };
}

async function migrate(db: Kysely<Tables>): Promise<void> {
  const provider = { getMigrations: () => Promise.resolve(MIGRATIONS) };
  const { error } = await new Migrator({ db, provider }).migrateToLatest();
  if (error !== undefined) throw new Error('the database could not be migrated', { cause: error });
}
