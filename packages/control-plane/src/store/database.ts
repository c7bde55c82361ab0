import type { Kysely } from 'kysely';
import type { Tables } from './tables.ts';
import type { Commits } from './writing/writer.ts';

/**
 * A database that the repositories can work on: what differs between databases, beyond the SQL that Kysely writes for each.
 * `sqlite/` has the one that there is; another is a folder beside it.
 */
export interface Database {
  /** As it is called where the server tells of itself. */
  readonly driver: string;
  /**
   * Migrated. All numbers come as numbers of JavaScript, those of 64 bits and the sums and counts of them too; text is compared
   * by its bytes.
   */
  readonly db: Kysely<Tables>;
  /** `transactionWriter` will do where there is no quicker way. */
  readonly commits: Commits;
  /** Whether others may write to it: other replicas, or other processes. What is remembered of rows may then be outdated. */
  readonly shared: boolean;
  /** Whether the storage failed, whatever was written; not a constraint that a row violates. Such a write is tried again. */
  isStorageFailure(error: unknown): boolean;
  /** Writes what waits, and takes nothing more; reads are answered until `db` is destroyed. */
  stopWriting(): Promise<void>;
}

/** The types of columns that each database calls by another name. */
export interface ColumnTypes {
  /** Any bytes, up to some megabytes. */
  readonly bytes: 'blob' | 'bytea';
}
