import type { DatabaseSync } from 'node:sqlite';
import type { TenantId } from '@caisson/protocol';
import type { CompiledQuery } from 'kysely';
import type { ChainEnd, NewAuditRecord } from '../../audit/audit-record.ts';
import { chained, CHAIN_START } from '../../audit/chain.ts';
import type { AuditStatements } from '../audit-rows.ts';
import type { Prepare } from './driver.ts';
import { isStorageFailure } from './storage-failure.ts';
import type { Commits } from '../writing/writer.ts';

/** Some milliseconds of work: the event loop is not kept longer at a time. */
const MAX_BATCH = 256;
/** Some 200 bytes each. */
const MAX_CHAIN_ENDS = 10_000;

interface PendingWrite {
  readonly statements: readonly CompiledQuery[];
  readonly audit: readonly NewAuditRecord[];
  resolve(): void;
  reject(error: unknown): void;
}

export interface GroupCommitOptions {
  readonly database: DatabaseSync;
  readonly prepare: Prepare;
  readonly trail: AuditStatements;
  /** Calls `act` when no transaction of others is open; rejects where the database is closed. */
  readonly exclusively: (act: () => Promise<void>) => Promise<void>;
}

/**
 * Commits together what is written in one turn of the event loop, in the order of the calls. Where one of them fails,
 * all are tried again, each by itself, so that it fails alone.
 */
export class GroupCommit implements Commits {
  readonly #options: GroupCommitOptions;
  readonly #queue: PendingWrite[] = [];
  #scheduled = false;
  #closed = false;
  /** Where the audit trails of tenants end; it is read where it is not known. */
  readonly #chainEnds = new Map<TenantId, ChainEnd>();

  constructor(options: GroupCommitOptions) {
    this.#options = options;
  }

  write(statements: readonly CompiledQuery[], audit: readonly NewAuditRecord[] = []): Promise<void> {
    if (this.#closed) return Promise.reject(new Error('the database is closed'));
    return new Promise((resolve, reject) => {
      this.#queue.push({ statements, audit, resolve, reject });
      this.#schedule();
    });
  }

  /** Commits what waits, and takes nothing more. */
  async close(): Promise<void> {
    this.#closed = true;
    try {
      while (this.#queue.length > 0) await this.#flush();
    } catch (error) {
      this.#rejectAll(error);
    }
  }

  #schedule(): void {
    if (this.#scheduled) return;
    this.#scheduled = true;
    setImmediate(() => {
      this.#scheduled = false;
      // Closing may have been quicker, and then there is no database any more.
      if (this.#queue.length === 0) return;
      this.#flush().catch((error: unknown) => {
        this.#rejectAll(error);
      });
    });
  }

  async #flush(): Promise<void> {
    // Nothing can come in between: a batch begins and ends without giving the event loop back.
    if (!this.#options.database.isTransaction) this.#commitNext();
    else {
      await this.#options.exclusively(() => {
        this.#commitNext();
        return Promise.resolve();
      });
    }
  }

  #rejectAll(error: unknown): void {
    for (const write of this.#queue.splice(0)) write.reject(error);
  }

  #commitNext(): void {
    const batch = this.#queue.splice(0, MAX_BATCH);
    if (this.#queue.length > 0) this.#schedule();
    if (batch.length > 1 && this.#commitTogether(batch)) return;
    for (const [index, write] of batch.entries()) {
      try {
        this.#commit([write]);
        write.resolve();
      } catch (error) {
        write.reject(error);
        if (!isStorageFailure(error)) continue;
        // It would fail as often as there are writes, and each time only after it has filled the disk.
        for (const other of batch.slice(index + 1)) other.reject(error);
        return;
      }
    }
  }

  #commitTogether(batch: readonly PendingWrite[]): boolean {
    try {
      this.#commit(batch);
    } catch {
      // Which one it was, and why, shows when each is tried by itself.
      return false;
    }
    for (const write of batch) write.resolve();
    return true;
  }

  #commit(batch: readonly PendingWrite[]): void {
    const { database } = this.#options;
    this.#run('begin');
    try {
      for (const { statements, audit } of batch) {
        for (const { sql, parameters } of statements) this.#run(sql, parameters);
        for (const record of audit) this.#record(record);
      }
      this.#run('commit');
    } catch (error) {
      this.#chainEnds.clear();
      // After some errors, a full disk among them, SQLite has already done it.
      if (database.isTransaction) this.#run('rollback');
      throw error;
    }
  }

  #record(record: NewAuditRecord): void {
    const { tenantId } = record;
    const next = chained(record, this.#chainEnds.get(tenantId) ?? this.#readChainEnd(tenantId));
    const { sql, parameters } = this.#options.trail.insert(next);
    this.#run(sql, parameters);
    if (this.#chainEnds.size >= MAX_CHAIN_ENDS) this.#chainEnds.clear();
    this.#chainEnds.set(tenantId, { sequence: next.sequence, hash: next.hash });
  }

  #readChainEnd(tenantId: TenantId): ChainEnd {
    const { sql, parameters } = this.#options.trail.end(tenantId);
    const [end = CHAIN_START] = this.#options.prepare(sql).all(parameters) as ChainEnd[];
    return end;
  }

  #run(sql: string, parameters: readonly unknown[] = []): void {
    this.#options.prepare(sql).run(parameters);
  }
}
