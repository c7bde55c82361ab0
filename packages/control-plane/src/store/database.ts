import type { Kysely } from 'kysely';
import type { Tables } from './tables.ts';
import type { Commits } from './writing/writer.ts';

/**
 * A database for the repositories: what differs between databases, beyond the SQL that Kysely generates for each. SQLite's is in
 * `sqlite/`; another database gets its own folder beside it.
 */
export interface Database {
  /** Its name in the server status. */
  readonly driver: string;
  /**
   * Migrated to the current schema. All numbers are read as JavaScript numbers, including 64-bit integers, sums and counts; text
   * is compared bytewise.
   */
  readonly db: Kysely<Tables>;
  /** `transactionWriter` suits any database that has no faster way. */
  readonly commits: Commits;
  /** Whether other replicas or processes may write to it; rows kept in memory may then be outdated. */
  readonly shared: boolean;
  /** Whether the storage failed, not a constraint that a row violates. Such a write is retried. */
  isStorageFailure(error: unknown): boolean;
  /** Commits pending writes and refuses new ones; reads work until `db` is destroyed. */
  stopWriting(): Promise<void>;
}

/** Column types whose names differ between databases. */
export interface ColumnTypes {
  /** Binary data, up to some megabytes. */
  readonly bytes: 'blob' | 'bytea';
}
