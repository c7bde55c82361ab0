import { chmodSync } from 'node:fs';
import { DatabaseSync } from 'node:sqlite';
import type { SQLInputValue } from 'node:sqlite';
import { CompiledQuery, SqliteAdapter, SqliteDialect, SqliteDriver } from 'kysely';
import type { DatabaseConnection, Dialect, Driver, SqliteDialectConfig, SqliteStatement } from 'kysely';
import { waitingWhileBusy } from './waiting-while-busy.ts';

/**
 * How long a statement waits for the lock of another connection before it fails. The event loop stands still meanwhile, so
 * transactions wait beside it for the rest of the time, see `waitingWhileBusy`.
 */
const BUSY_TIMEOUT_MS = 4;
/**
 * How far the log may grow before it is written into the database, which waits for the disk: 16 MiB of pages. With
 * SQLite's own 4 MiB it happens four times as often, and pages that change with each job are written out each time.
 */
const CHECKPOINT_PAGES = 4000;
/** To what the log's file is cut back when it is begun anew: one huge transaction may not keep the disk that it took. */
const LOG_BYTES = 64 * 2 ** 20;
/** Far above the number of statements that the repositories have; bounds what lists of varying length could add. */
const MAX_CACHED_STATEMENTS = 500;

/**
 * Opens or makes the database. With `exclusive`, no other connection may have it, which also spares the shared-memory
 * index; else any number may, of this process and others on this host.
 */
export function openSqlite(path: string, exclusive = false): DatabaseSync {
  const database = new DatabaseSync(path, { timeout: BUSY_TIMEOUT_MS, enableForeignKeyConstraints: true });
  try {
    chmodSync(path, 0o600);
    if (exclusive) database.exec('PRAGMA locking_mode = EXCLUSIVE');
    database.exec('PRAGMA journal_mode = WAL');
    // A commit survives a crash of the process; only a power cut may take the last ones, never the consistency.
    database.exec('PRAGMA synchronous = NORMAL');
    database.exec(`PRAGMA wal_autocheckpoint = ${CHECKPOINT_PAGES}`);
    database.exec(`PRAGMA journal_size_limit = ${LOG_BYTES}`);
    return database;
  } catch (cause) {
    database.close();
    throw cause;
  }
}

/** The statement of some SQL, prepared once. */
export type Prepare = (sql: string) => SqliteStatement;

export function statementCache(database: DatabaseSync): Prepare {
  const statements = new Map<string, SqliteStatement>();
  return (sql) => {
    const cached = statements.get(sql);
    if (cached !== undefined) return cached;
    const statement = adapt(database, sql);
    if (statements.size >= MAX_CACHED_STATEMENTS) statements.clear();
    statements.set(sql, statement);
    return statement;
  };
}

/** Kysely over `node:sqlite`: Kysely's own dialect asks for the interface of better-sqlite3. */
export function sqliteDialect(database: DatabaseSync, prepare: Prepare): Dialect {
  return new SharedSqliteDialect({
    database: {
      prepare,
      close: () => {
        database.close();
      },
    },
  });
}

/** Kysely's dialect takes itself for the only user of the database. */
class SharedSqliteDialect extends SqliteDialect {
  readonly #config: SqliteDialectConfig;

  constructor(config: SqliteDialectConfig) {
    super(config);
    this.#config = config;
  }

  override createDriver(): Driver {
    return new SharedSqliteDriver(this.#config);
  }

  override createAdapter(): SqliteAdapter {
    return new SharedSqliteAdapter();
  }
}

class SharedSqliteDriver extends SqliteDriver {
  /** With the lock from the start: a transaction that first reads could not write after another one has written. */
  override async beginTransaction(connection: DatabaseConnection): Promise<void> {
    await waitingWhileBusy(() => connection.executeQuery(CompiledQuery.raw('begin immediate')));
  }
}

class SharedSqliteAdapter extends SqliteAdapter {
  /** All migrations are one transaction, so that another process sees all of them or none, and a crash undoes them. */
  override get supportsTransactionalDdl(): boolean {
    return true;
  }
}

function adapt(database: DatabaseSync, sql: string): SqliteStatement {
  const statement = database.prepare(sql);
  // Kysely gives only what `tables.ts` lets into a column, and those are values that SQLite takes.
  const values = (parameters: readonly unknown[]) => parameters as SQLInputValue[];
  return {
    reader: statement.columns().length > 0,
    all: (parameters) => statement.all(...values(parameters)),
    run: (parameters) => statement.run(...values(parameters)),
    iterate: (parameters) => statement.iterate(...values(parameters)),
  };
}
