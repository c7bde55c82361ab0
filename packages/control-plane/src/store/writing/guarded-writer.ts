import type { CompiledQuery } from 'kysely';
import type { NewAuditRecord } from '../../audit/audit-record.ts';
import type { StorageHealth } from './storage-health.ts';
import type { ChangeStatements, Commits, Writer } from './writer.ts';

/** Refuses writes while the storage fails, and reports storage failures to `health`. */
export class GuardedWriter implements Writer {
  readonly #commits: Commits;
  readonly #health: StorageHealth;
  readonly #isStorageFailure: (error: unknown) => boolean;

  constructor(commits: Commits, health: StorageHealth, isStorageFailure: (error: unknown) => boolean) {
    this.#commits = commits;
    this.#health = health;
    this.#isStorageFailure = isStorageFailure;
  }

  write(statements: readonly CompiledQuery[], audit?: readonly NewAuditRecord[]): Promise<void> {
    if (!this.#health.working) return Promise.reject(this.#health.unavailable());
    return this.writeAnyway(statements, audit);
  }

  writeAnyway(statements: readonly CompiledQuery[], audit?: readonly NewAuditRecord[]): Promise<void> {
    return this.#commits.write(statements, audit).catch((error: unknown) => this.#failed(error));
  }

  change(statements: ChangeStatements, audit?: readonly NewAuditRecord[]): Promise<boolean> {
    if (!this.#health.working) return Promise.reject(this.#health.unavailable());
    return this.changeAnyway(statements, audit);
  }

  changeAnyway(statements: ChangeStatements, audit?: readonly NewAuditRecord[]): Promise<boolean> {
    return this.#commits.change(statements, audit).catch((error: unknown) => this.#failed(error));
  }

  #failed(error: unknown): never {
    if (!this.#isStorageFailure(error)) throw error;
    this.#health.failed(error);
    throw this.#health.unavailable(error);
  }
}
