import type { CompiledQuery, Kysely, Transaction } from 'kysely';
import type { TenantId } from '@caisson/protocol/api';
import type { ChainEnd, NewAuditRecord } from '../../audit/audit-record.ts';
import { chained, CHAIN_START } from '../../audit/chain.ts';
import { auditStatements } from '../statements/audit-rows.ts';
import type { Tables } from '../tables.ts';

/** Statements of which the first, an insert, update or delete, decides whether there is anything to do. */
export type ChangeStatements = readonly [CompiledQuery, ...CompiledQuery[]];

/** What makes writes last: a database may bring those of many callers together. */
export interface Commits {
  /**
   * Runs all of `statements` in their order and adds `audit` to the audit trails, or does none of it; resolves once it is
   * committed. Rejects with what the database says, and then nothing of it is written. What other callers write neither fails
   * nor waits because of it.
   * Of two calls, the second is sure to come after the first only where it waited for it.
   */
  write(statements: readonly CompiledQuery[], audit?: readonly NewAuditRecord[]): Promise<void>;
  /**
   * The same where the first statement changes a row. Where it changes none, nothing is written, no audit event either, and
   * it resolves with `false`. Of several callers, on however many connections, that change a row from the same state, one
   * gets `true`.
   */
  change(statements: ChangeStatements, audit?: readonly NewAuditRecord[]): Promise<boolean>;
}

/**
 * Where repositories send what they write. All reject with `storage_unavailable` where the disk is full or broken, and from
 * then on, until it works again, `write` and `change` do so without trying.
 */
export interface Writer extends Commits {
  /** For what has happened and must be put down: it is tried also while the storage fails. */
  writeAnyway(statements: readonly CompiledQuery[], audit?: readonly NewAuditRecord[]): Promise<void>;
  changeAnyway(statements: ChangeStatements, audit?: readonly NewAuditRecord[]): Promise<boolean>;
}

/**
 * The statement that a transaction begins with: until it ends, no other appends to the audit trails of these tenants.
 * `undefined` where a transaction that writes has the whole database for itself.
 */
export type LockTrails = (tenantIds: readonly TenantId[]) => CompiledQuery | undefined;

/**
 * A transaction for each call: all that a database needs that has no quicker way. Those that append to the same audit trail
 * come one after another, from their first statement on; so a statement may count what a tenant has.
 */
export function transactionWriter(db: Kysely<Tables>, lockTrails: LockTrails): Writer {
  const trail = auditStatements(db);
  const append = async (transaction: Transaction<Tables>, record: NewAuditRecord) => {
    const { rows } = await transaction.executeQuery(trail.end(record.tenantId));
    const [end = CHAIN_START] = rows as ChainEnd[];
    await transaction.executeQuery(trail.insert(chained(record, end)));
  };
  const lock = async (transaction: Transaction<Tables>, audit: readonly NewAuditRecord[]) => {
    // In one order for all, so that no two wait for each other.
    const tenantIds = [...new Set(audit.map(({ tenantId }) => tenantId))].toSorted();
    const statement = tenantIds.length === 0 ? undefined : lockTrails(tenantIds);
    if (statement !== undefined) await transaction.executeQuery(statement);
  };
  const write: Writer['write'] = (statements, audit = []) =>
    db.transaction().execute(async (transaction) => {
      await lock(transaction, audit);
      for (const statement of statements) await transaction.executeQuery(statement);
      for (const record of audit) await append(transaction, record);
    });
  const change: Writer['change'] = ([first, ...others], audit = []) =>
    db.transaction().execute(async (transaction) => {
      await lock(transaction, audit);
      const { numAffectedRows = 0n } = await transaction.executeQuery(first);
      if (numAffectedRows === 0n) return false;
      for (const statement of others) await transaction.executeQuery(statement);
      for (const record of audit) await append(transaction, record);
      return true;
    });
  return { write, writeAnyway: write, change, changeAnyway: change };
}
