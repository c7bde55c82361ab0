import type { CompiledQuery, Kysely, Transaction } from 'kysely';
import type { TenantId } from '@caisson/protocol/api';
import type { ChainEnd, NewAuditRecord } from '../../audit/audit-record.ts';
import { chained, CHAIN_START } from '../../audit/chain.ts';
import { auditStatements } from '../statements/audit-rows.ts';
import type { Tables } from '../tables.ts';

/** Statements whose first one, an insert, update or delete, decides whether the others run. */
export type ChangeStatements = readonly [CompiledQuery, ...CompiledQuery[]];

/** Commits writes; a database may combine those of many callers. */
export interface Commits {
  /**
   * Runs all of `statements` in order and appends `audit` to the audit trails, all or nothing; resolves once committed. Rejects
   * with the error of the database, and then nothing is written. Writes of other callers are neither failed nor delayed by it.
   * Two calls are ordered only if the second is made after the first has resolved.
   */
  write(statements: readonly CompiledQuery[], audit?: readonly NewAuditRecord[]): Promise<void>;
  /**
   * Like `write` if the first statement changes a row. If it changes none, nothing is written, audit events included, and it
   * resolves with `false`. Of several callers, on any number of connections, that change a row from the same state, one gets
   * `true`.
   */
  change(statements: ChangeStatements, audit?: readonly NewAuditRecord[]): Promise<boolean>;
}

/**
 * The writer of the repositories. All methods reject with `storage_unavailable` if the disk is full or broken; from then on,
 * until it works again, `write` and `change` reject without an attempt.
 */
export interface Writer extends Commits {
  /** For events that have happened and must be recorded: attempted even while the storage fails. */
  writeAnyway(statements: readonly CompiledQuery[], audit?: readonly NewAuditRecord[]): Promise<void>;
  changeAnyway(statements: ChangeStatements, audit?: readonly NewAuditRecord[]): Promise<boolean>;
}

/**
 * The first statement of a transaction: until its end, no other transaction can append to the audit trails of these tenants.
 * `undefined` if a writing transaction locks the whole database anyway.
 */
export type LockTrails = (tenantIds: readonly TenantId[]) => CompiledQuery | undefined;

/**
 * One transaction per call, for databases without a faster way. Transactions that append to the same audit trail are serialized
 * from their first statement on, so a statement may count a tenant's rows.
 */
export function transactionWriter(db: Kysely<Tables>, lockTrails: LockTrails): Writer {
  const trail = auditStatements(db);
  const append = async (transaction: Transaction<Tables>, record: NewAuditRecord) => {
    const { rows } = await transaction.executeQuery(trail.end(record.tenantId));
    const [end = CHAIN_START] = rows as ChainEnd[];
    await transaction.executeQuery(trail.insert(chained(record, end)));
  };
  const lock = async (transaction: Transaction<Tables>, audit: readonly NewAuditRecord[]) => {
    // Always in the same order, to prevent deadlocks.
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
