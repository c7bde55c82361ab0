import type { CompiledQuery, Kysely } from 'kysely';
import type { ChainEnd, NewAuditRecord } from '../../audit/audit-record.ts';
import { chained, CHAIN_START } from '../../audit/chain.ts';
import { auditStatements } from '../audit-rows.ts';
import type { Tables } from '../tables.ts';

/** What makes writes last: a database may bring those of many callers together. */
export interface Commits {
  /**
   * Runs all of `statements` in their order and adds `audit` to the audit trails, or does none of it; resolves once it is
   * committed. Rejects with what the database says, and then nothing of it is written. What other callers write neither fails
   * nor waits because of it.
   * Of two calls, the second is sure to come after the first only where it waited for it.
   */
  write(statements: readonly CompiledQuery[], audit?: readonly NewAuditRecord[]): Promise<void>;
}

/**
 * Where repositories send what they write. Both reject with `storage_unavailable` where the disk is full or broken, and
 * from then on, until it works again, `write` does so without trying.
 */
export interface Writer extends Commits {
  /** For what has happened and must be put down: it is tried also while the storage fails. */
  writeAnyway(statements: readonly CompiledQuery[], audit?: readonly NewAuditRecord[]): Promise<void>;
}

/** A transaction for each call: all that a database needs that has no quicker way. Not beside another writer. */
export function transactionWriter(db: Kysely<Tables>): Writer {
  const trail = auditStatements(db);
  const write: Writer['write'] = (statements, audit = []) =>
    db.transaction().execute(async (transaction) => {
      for (const statement of statements) await transaction.executeQuery(statement);
      for (const record of audit) {
        const { rows } = await transaction.executeQuery(trail.end(record.tenantId));
        const [end = CHAIN_START] = rows as ChainEnd[];
        await transaction.executeQuery(trail.insert(chained(record, end)));
      }
    });
  return { write, writeAnyway: write };
}
