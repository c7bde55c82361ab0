import { chmodSync } from 'node:fs';
import { DatabaseSync } from 'node:sqlite';
import type { SQLInputValue } from 'node:sqlite';
import { CompiledQuery, SqliteAdapter, SqliteDialect, SqliteDriver } from 'kysely';
import type { DatabaseConnection, Dialect, Driver, SqliteDialectConfig, SqliteStatement } from 'kysely';
import { waitingWhileBusy } from './waiting-while-busy.ts';

/**
 * How long a statement waits for the lock of another connection before it fails. This wait blocks the event loop, so
 * transactions do the rest of their waiting asynchronously, see `waitingWhileBusy`.
 */
const BUSY_TIMEOUT_MS = 4;
/**
 * Size of the write-ahead log at which it is checkpointed into the database, which waits for the disk: 16 MiB of pages. SQLite's
 * default of 4 MiB checkpoints four times as often, and writes out the pages that change with each job each time.
 */
const CHECKPOINT_PAGES = 4000;
/** Size to which the log's file is truncated after a checkpoint, so that one huge transaction does not occupy disk for good. */
const LOG_BYTES = 64 * 2 ** 20;
/** Far above the number of statements in the repositories; bounds those that lists of varying length could add. */
const MAX_CACHED_STATEMENTS = 500;

/**
 * Opens or creates the database. With `exclusive`, no other connection can open it, and no shared-memory index is needed;
 * otherwise any number can, in this process and others on this host.
 */
export function openSqlite(path: string, exclusive = false): DatabaseSync {
  const database = new DatabaseSync(path, { timeout: BUSY_TIMEOUT_MS, enableForeignKeyConstraints: true });
  try {
    chmodSync(path, 0o600);
    if (exclusive) database.exec('PRAGMA locking_mode = EXCLUSIVE');
    database.exec('PRAGMA journal_mode = WAL');
    // A commit survives a crash of the process; a power failure may lose the last commits, but not the consistency.
    database.exec('PRAGMA synchronous = NORMAL');
    database.exec(`PRAGMA wal_autocheckpoint = ${CHECKPOINT_PAGES}`);
    database.exec(`PRAGMA journal_size_limit = ${LOG_BYTES}`);
    return database;
  } catch (cause) {
    database.close();
    throw cause;
  }
}

/** Returns the prepared statement for an SQL text; each text is prepared once. */
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

/** Kysely over `node:sqlite`: Kysely's own dialect expects the interface of better-sqlite3. */
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

/** Kysely's dialect assumes that it is the only user of the database. */
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
  /** Takes the write lock from the start: a transaction that begins with a read fails to write if another has written since. */
  override async beginTransaction(connection: DatabaseConnection): Promise<void> {
    await waitingWhileBusy(() => connection.executeQuery(CompiledQuery.raw('begin immediate')));
  }
}

class SharedSqliteAdapter extends SqliteAdapter {
  /** Runs all migrations in one transaction: another process sees all or none, and a crash undoes them. */
  override get supportsTransactionalDdl(): boolean {
    return true;
  }
}

function adapt(database: DatabaseSync, sql: string): SqliteStatement {
  const statement = database.prepare(sql);
  // Kysely passes only values of the column types in `tables.ts`, all of which SQLite accepts.
  const values = (parameters: readonly unknown[]) => parameters as SQLInputValue[];
  return {
    reader: statement.columns().length > 0,
    all: (parameters) => statement.all(...values(parameters)),
    run: (parameters) => statement.run(...values(parameters)),
    iterate: (parameters) => statement.iterate(...values(parameters)),
  };
}
