import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import type { DatabaseSync } from 'node:sqlite';
import { Kysely } from 'kysely';
import type { ColumnTypes, Database } from '../database.ts';
import { migrate } from '../migrations.ts';
import { auditStatements } from '../statements/audit-rows.ts';
import { storeOf } from '../store.ts';
import type { Store, StoreOptions } from '../store.ts';
import type { Tables } from '../tables.ts';
import { openSqlite, sqliteDialect, statementCache } from './driver.ts';
import { GroupCommit } from './group-commit.ts';
import { isBusy, isStorageFailure } from './storage-failure.ts';
import { waitingWhileBusy } from './waiting-while-busy.ts';

export const DATABASE_FILE = 'caisson.db';
export const COLUMN_TYPES: ColumnTypes = { bytes: 'blob' };

/** How long a server that needs exclusive access waits for the previous one to stop. */
const TAKE_OVER_DEADLINE_MS = 1000;

export interface SqliteOptions extends StoreOptions {
  /** Exclusive access: no other connection may open the database, in this process or another. */
  readonly exclusive?: boolean;
}

/**
 * Opens the store in `dataDir`, and creates or migrates it if necessary. Unless exclusive, several connections may share it, in
 * this process and others on this host.
 */
export async function openStore(
  dataDir: string,
  { exclusive = false, ...options }: SqliteOptions = {},
): Promise<Store> {
  await mkdir(dataDir, { recursive: true, mode: 0o700 });
  return storeOf(await openDatabase(join(dataDir, DATABASE_FILE), exclusive), options);
}

async function openDatabase(path: string, exclusive: boolean): Promise<Database> {
  const database = await openFile(path, exclusive);
  const prepare = statementCache(database);
  const db = new Kysely<Tables>({ dialect: sqliteDialect(database, prepare) });
  try {
    await waitingWhileBusy(() => migrate(db, COLUMN_TYPES));
  } catch (cause) {
    await db.destroy();
    throw new Error(`the database ${path} could not be migrated`, { cause });
  }
  const commits = new GroupCommit({
    database,
    prepare,
    trail: auditStatements(db),
    shared: !exclusive,
    exclusively: (act) => db.connection().execute(act),
  });
  return {
    driver: 'sqlite',
    db,
    commits,
    shared: !exclusive,
    isStorageFailure,
    stopWriting: () => commits.close(),
  };
}

async function openFile(path: string, exclusive: boolean): Promise<DatabaseSync> {
  const deadlineMs = exclusive ? TAKE_OVER_DEADLINE_MS : undefined;
  try {
    return await waitingWhileBusy(() => openSqlite(path, exclusive), deadlineMs);
  } catch (cause) {
    const hint = isBusy(cause) ? ': another server is using it' : '';
    throw new Error(`the database ${path} cannot be opened${hint}`, { cause });
  }
}
