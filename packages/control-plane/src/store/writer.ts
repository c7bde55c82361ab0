import type { CompiledQuery, Kysely } from 'kysely';
import type { Tables } from './tables.ts';

/** Where repositories send what they write on the hot path: a database may bring writes of many callers together. */
export interface Writer {
  /**
   * Runs all of `statements` in their order, or none of them; resolves once they are committed. Rejects with what the
   * database says, and then nothing of them is written. What other callers write neither fails nor waits because of it.
   * Of two calls, the second is sure to come after the first only where it waited for it.
   */
  write(statements: readonly CompiledQuery[]): Promise<void>;
}

/** A transaction for each call: all that a database needs that has no quicker way. */
export function transactionWriter(db: Kysely<Tables>): Writer {
  return {
    write: (statements) =>
      db.transaction().execute(async (transaction) => {
        for (const statement of statements) await transaction.executeQuery(statement);
      }),
  };
}
