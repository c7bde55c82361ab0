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

/** Some milliseconds of work: the event loop is not kept longer at a time. */
const MAX_BATCH = 256;
/** Some 200 bytes each. */
const MAX_CHAIN_ENDS = 10_000;

interface PendingWrite {
  readonly statements: readonly CompiledQuery[];
  readonly audit: readonly NewAuditRecord[];
  /** Whether nothing more of it is done where its first statement changes no row. */
  readonly conditional: boolean;
  /** Whether it was done, in the transaction that was tried last. */
  done: boolean;
  readonly resolve: (done: boolean) => void;
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
  /** Calls `act` when no transaction of others is open; rejects where the database is closed. */
  readonly exclusively: (act: () => Promise<void>) => Promise<void>;
}

/**
 * Commits together what is written in one turn of the event loop, in the order of the calls. Where one of them fails,
 * all are tried again, each by itself, so that it fails alone. While another connection holds the lock, they wait.
 */
export class GroupCommit implements Commits {
  readonly #options: GroupCommitOptions;
  readonly #queue: PendingWrite[] = [];
  #scheduled = false;
  #closed = false;
  /** Since when another connection has held the lock. */
  #busySince: number | undefined;
  /** Where the audit trails of tenants end; it is read where it is not known. */
  readonly #chainEnds = new Map<TenantId, ChainEnd>();
  /** Changes when another connection has written. */
  #dataVersion: unknown;

  constructor(options: GroupCommitOptions) {
    this.#options = options;
  }

  write(statements: readonly CompiledQuery[], audit: readonly NewAuditRecord[] = []): Promise<void> {
    return new Promise((resolve, reject) => {
      const done = () => {
        resolve();
      };
      this.#add({ statements, audit, conditional: false, done: true, resolve: done, reject });
    });
  }

  change(statements: ChangeStatements, audit: readonly NewAuditRecord[] = []): Promise<boolean> {
    return new Promise((resolve, reject) => {
      this.#add({ statements, audit, conditional: true, done: false, resolve, reject });
    });
  }

  /** Commits what waits, and takes nothing more. */
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
      // Closing may have been quicker, and then there is no database any more.
      if (this.#queue.length === 0) return;
      this.#flush().catch((error: unknown) => {
        this.#rejectAll(error);
      });
    };
    if (this.#busySince === undefined) setImmediate(flush);
    else setTimeout(flush, LOCK_PAUSE_MS);
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
    try {
      if (batch.length === 1 || !this.#commitTogether(batch)) this.#commitEach(batch);
      this.#busySince = undefined;
    } catch (error) {
      this.#wait(batch, error);
    }
    if (this.#queue.length > 0) this.#schedule();
  }

  /** Another connection holds the lock, so nothing of `batch` was done: it is tried again, until it has taken too long. */
  #wait(batch: readonly PendingWrite[], error: unknown): void {
    const now = performance.now();
    this.#busySince ??= now;
    const deadlineMs = this.#options.lockDeadlineMs ?? LOCK_DEADLINE_MS;
    if (now - this.#busySince <= deadlineMs) this.#queue.unshift(...batch);
    else for (const write of batch) write.reject(error);
  }

  /** Tells whether it could. @throws what SQLite says where it is busy */
  #commitTogether(batch: PendingWrite[]): boolean {
    try {
      this.#commit(batch);
    } catch (error) {
      if (isBusy(error)) throw error;
      // Which one it was, and why, shows when each is tried by itself.
      return false;
    }
    for (const { resolve, done } of batch.splice(0)) resolve(done);
    return true;
  }

  /** Takes from `batch` what is settled. @throws what SQLite says where it is busy */
  #commitEach(batch: PendingWrite[]): void {
    for (let write = batch[0]; write !== undefined; write = batch[0]) {
      try {
        this.#commit([write]);
        write.resolve(write.done);
      } catch (error) {
        if (isBusy(error)) throw error;
        write.reject(error);
        if (isStorageFailure(error)) {
          // It would fail as often as there are writes, and each time only after it has filled the disk.
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
      this.#forgetWhatOthersChanged();
      for (const write of batch) write.done = this.#apply(write);
      this.#run('commit');
    } catch (error) {
      this.#chainEnds.clear();
      // After some errors, a full disk among them, SQLite has already done it.
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

  /** From here on, until the end of the transaction, nobody else writes. */
  #forgetWhatOthersChanged(): void {
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
