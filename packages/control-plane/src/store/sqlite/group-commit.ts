import type { DatabaseSync } from 'node:sqlite';
import { setTimeout as pause } from 'node:timers/promises';
import type { TenantId } from '@caisson/protocol/api';
import type { CompiledQuery } from 'kysely';
import type { ChainEnd, NewAuditRecord } from '../../audit/audit-record.ts';
import { chained, CHAIN_START } from '../../audit/chain.ts';
import type { AuditStatements } from '../statements/audit-rows.ts';
import type { Prepare } from './driver.ts';
import { isBusy, isStorageFailure } from './storage-failure.ts';
import { LOCK_DEADLINE_MS, LOCK_PAUSE_MS } from './waiting-while-busy.ts';
import type { ChangeStatements, Commits } from '../writing/writer.ts';

/** Some milliseconds of work: limits how long the event loop is blocked. */
const MAX_BATCH = 256;
/** About 200 bytes each. */
const MAX_CHAIN_ENDS = 10_000;

interface PendingWrite {
  readonly statements: readonly CompiledQuery[];
  readonly audit: readonly NewAuditRecord[];
  /** Whether the rest is skipped if its first statement changes no row. */
  readonly conditional: boolean;
  /** Whether it was applied in the last attempted transaction. */
  applied: boolean;
  readonly resolve: (applied: boolean) => void;
  readonly reject: (error: unknown) => void;
}

export interface GroupCommitOptions {
  readonly database: DatabaseSync;
  readonly prepare: Prepare;
  readonly trail: AuditStatements;
  /** Whether other connections may write to the database. */
  readonly shared: boolean;
  /** How long writes wait while another connection holds the lock. */
  readonly lockDeadlineMs?: number;
  /** Calls `act` when no other transaction is open on this connection; rejects if the database is closed. */
  readonly exclusively: (act: () => Promise<void>) => Promise<void>;
}

/**
 * Commits the writes of one turn of the event loop together, in the order of the calls. If one of them fails, each is retried in
 * its own transaction, so that only that one fails. While another connection holds the lock, they wait.
 */
export class GroupCommit implements Commits {
  readonly #options: GroupCommitOptions;
  readonly #queue: PendingWrite[] = [];
  #scheduled = false;
  #closed = false;
  /** Time since which another connection has held the lock. */
  #busySince: number | undefined;
  /** Ends of the tenants' audit trails; missing ones are read from the database. */
  readonly #chainEnds = new Map<TenantId, ChainEnd>();
  /** Changes whenever another connection has written. */
  #dataVersion: unknown;

  constructor(options: GroupCommitOptions) {
    this.#options = options;
  }

  write(statements: readonly CompiledQuery[], audit: readonly NewAuditRecord[] = []): Promise<void> {
    return new Promise((resolve, reject) => {
      const done = () => {
        resolve();
      };
      this.#add({ statements, audit, conditional: false, applied: true, resolve: done, reject });
    });
  }

  change(statements: ChangeStatements, audit: readonly NewAuditRecord[] = []): Promise<boolean> {
    return new Promise((resolve, reject) => {
      this.#add({ statements, audit, conditional: true, applied: false, resolve, reject });
    });
  }

  /** Commits pending writes and refuses new ones. */
  async close(): Promise<void> {
    this.#closed = true;
    try {
      while (this.#queue.length > 0) {
        await this.#flush();
        if (this.#busySince !== undefined) await pause(LOCK_PAUSE_MS);
      }
    } catch (error) {
      this.#rejectAll(error);
    }
  }

  #add(write: PendingWrite): void {
    if (this.#closed) {
      write.reject(new Error('the database is closed'));
      return;
    }
    this.#queue.push(write);
    this.#schedule();
  }

  #schedule(): void {
    if (this.#scheduled) return;
    this.#scheduled = true;
    const flush = () => {
      this.#scheduled = false;
      // `close` may have emptied the queue already, and the database may be closed.
      if (this.#queue.length === 0) return;
      this.#flush().catch((error: unknown) => {
        this.#rejectAll(error);
      });
    };
    if (this.#busySince === undefined) setImmediate(flush);
    else setTimeout(flush, LOCK_PAUSE_MS);
  }

  async #flush(): Promise<void> {
    // Nothing can interleave: a batch runs synchronously.
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
    try {
      if (batch.length === 1 || !this.#commitTogether(batch)) this.#commitEach(batch);
      this.#busySince = undefined;
    } catch (error) {
      this.#wait(batch, error);
    }
    if (this.#queue.length > 0) this.#schedule();
  }

  /** Another connection holds the lock, so nothing of `batch` was applied: it is retried until the deadline. */
  #wait(batch: readonly PendingWrite[], error: unknown): void {
    const now = performance.now();
    this.#busySince ??= now;
    const deadlineMs = this.#options.lockDeadlineMs ?? LOCK_DEADLINE_MS;
    if (now - this.#busySince <= deadlineMs) this.#queue.unshift(...batch);
    else for (const write of batch) write.reject(error);
  }

  /** Returns whether it succeeded. @throws SQLite's error if the database is busy */
  #commitTogether(batch: PendingWrite[]): boolean {
    try {
      this.#commit(batch);
    } catch (error) {
      if (isBusy(error)) throw error;
      // Which write failed, and why, shows when each is retried in its own transaction.
      return false;
    }
    for (const { resolve, applied } of batch.splice(0)) resolve(applied);
    return true;
  }

  /** Removes settled writes from `batch`. @throws SQLite's error if the database is busy */
  #commitEach(batch: PendingWrite[]): void {
    for (let write = batch[0]; write !== undefined; write = batch[0]) {
      try {
        this.#commit([write]);
        write.resolve(write.applied);
      } catch (error) {
        if (isBusy(error)) throw error;
        write.reject(error);
        if (isStorageFailure(error)) {
          // Every other write would fail too, each only after it has filled the disk again.
          for (const other of batch.splice(0)) other.reject(error);
        }
      }
      batch.shift();
    }
  }

  #commit(batch: readonly PendingWrite[]): void {
    const { database } = this.#options;
    this.#run('begin immediate');
    try {
      this.#clearIfOutdated();
      for (const write of batch) write.applied = this.#apply(write);
      this.#run('commit');
    } catch (error) {
      this.#chainEnds.clear();
      // After some errors, such as a full disk, SQLite has already rolled back.
      if (database.isTransaction) this.#run('rollback');
      throw error;
    }
  }

  #apply({ statements, audit, conditional }: PendingWrite): boolean {
    let decides = conditional;
    for (const { sql, parameters } of statements) {
      const { changes } = this.#run(sql, parameters);
      if (decides && Number(changes) === 0) return false;
      decides = false;
    }
    for (const record of audit) this.#record(record);
    return true;
  }

  /** Clears what is cached if another connection has written; from here to the end of the transaction, no other can. */
  #clearIfOutdated(): void {
    if (!this.#options.shared) return;
    const [row] = this.#options.prepare('pragma data_version').all([]) as { data_version: number }[];
    if (row?.data_version === this.#dataVersion) return;
    this.#dataVersion = row?.data_version;
    this.#chainEnds.clear();
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

  #run(sql: string, parameters: readonly unknown[] = []): { changes: number | bigint } {
    return this.#options.prepare(sql).run(parameters);
  }
}
