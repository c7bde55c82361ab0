import { CaissonError, isCaissonError, WORKSPACE_DIRECTORY } from '@caisson/protocol/api';
import type { ErrorCode, SessionId, WorkspacePath } from '@caisson/protocol/api';
import type { FileEntry, Files } from '@caisson/protocol/ports';
import type { Readable } from 'node:stream';
import { fileChanged } from '../audit/records.ts';
import type { FileAction, FileDetails } from '../audit/records.ts';
import type { Principal } from '../model/principal.ts';
import type { Sessions } from '../sessions/sessions.ts';
import type { AuditRepository } from '../store/audit.ts';
import type { StorageHealth } from '../store/writing/storage-health.ts';
import type { Clock } from '../time/clock.ts';
import type { FileOperations } from './file-operations.ts';
import type { FileTransfers } from './file-transfers.ts';

/** Errors thrown before anything is deleted. */
const DELETED_NOTHING: readonly ErrorCode[] = [
  'file_not_found',
  'not_a_directory',
  'is_a_directory',
  'path_outside_workspace',
  'sandbox_lost',
];

export interface SessionFilesDependencies {
  readonly sessions: Sessions;
  readonly audit: AuditRepository;
  readonly storage: StorageHealth;
  readonly operations: FileOperations;
  readonly transfers: FileTransfers;
  readonly clock: Clock;
  /** Time limit of a listing or a deletion, including the wait for its turn. */
  readonly timeoutMs: number;
}

interface Operation {
  readonly caller: Principal;
  readonly sessionId: SessionId;
  readonly action: 'list' | 'read' | 'delete';
  readonly path: WorkspacePath;
}

/**
 * The files of sessions, within each tenant's limits; changes are recorded in the audit trail. `gone` aborts when the caller
 * disconnects. All methods throw what `Sessions.running` and `Files` throw.
 */
export class SessionFiles {
  readonly #dependencies: SessionFilesDependencies;

  constructor(dependencies: SessionFilesDependencies) {
    this.#dependencies = dependencies;
  }

  /** @throws CaissonError `file_operation_unfinished`, `file_operations_limit_reached` */
  async list(
    caller: Principal,
    sessionId: SessionId,
    path: WorkspacePath,
    page: { readonly after: string; readonly limit: number },
    gone: AbortSignal,
  ): Promise<FileEntry[]> {
    return this.#operate({ caller, sessionId, action: 'list', path }, gone, (files, signal) =>
      files.list(path, page, signal),
    );
  }

  /** @throws CaissonError `file_operation_unfinished`, `file_operations_limit_reached` */
  async stat(
    caller: Principal,
    sessionId: SessionId,
    path: WorkspacePath,
    gone: AbortSignal,
  ): Promise<FileEntry> {
    return this.#operate({ caller, sessionId, action: 'read', path }, gone, (files, signal) =>
      files.stat(path, signal),
    );
  }

  /**
   * The caller destroys `body`. The read outlasts the operation, whose deadline covers only the wait for its turn.
   * @throws CaissonError `file_operation_unfinished`, `file_operations_limit_reached`
   */
  async read(
    caller: Principal,
    sessionId: SessionId,
    path: WorkspacePath,
    gone: AbortSignal,
  ): Promise<{ entry: FileEntry; body: Readable }> {
    return this.#operate({ caller, sessionId, action: 'read', path }, gone, (files) =>
      files.read(path, gone),
    );
  }

  /** Counts as a transfer of the caller until disposed of. @throws CaissonError `file_transfers_limit_reached` */
  beginTransfer({ tenantId }: Principal): Disposable {
    return this.#dependencies.transfers.begin(tenantId);
  }

  /**
   * A function that writes files into the workspace of a session, within one transfer.
   * @throws CaissonError `storage_unavailable`
   */
  async writer(caller: Principal, sessionId: SessionId, gone: AbortSignal): Promise<FileWriter> {
    const { sessions, storage } = this.#dependencies;
    storage.assertWorking();
    const files = await sessions.files(caller.tenantId, sessionId);
    return async (path, body) => {
      const written = await files.write(path, body, gone);
      const details = { path, size_bytes: written.entry.sizeBytes };
      await this.#record(caller, sessionId, 'file.written', details);
      return written;
    };
  }

  /** @throws CaissonError `file_operation_unfinished`, `file_operations_limit_reached`, `storage_unavailable` */
  async delete(
    caller: Principal,
    sessionId: SessionId,
    path: WorkspacePath,
    gone: AbortSignal,
  ): Promise<void> {
    this.#dependencies.storage.assertWorking();
    let begun = false as boolean;
    try {
      await this.#operate({ caller, sessionId, action: 'delete', path }, gone, (files, signal) => {
        begun = true;
        return files.delete(path, signal);
      });
    } catch (error) {
      // Part of a directory may be deleted, also if the caller disconnected.
      if (begun && !DELETED_NOTHING.some((code) => isCaissonError(error, code))) {
        await this.#record(caller, sessionId, 'file.deleted', { path, reason: 'unfinished' });
      }
      throw error;
    }
    await this.#record(caller, sessionId, 'file.deleted', { path });
  }

  /** Calls `act` at the session's turn, with a signal that aborts at the deadline or with `gone`. */
  async #operate<Result>(
    { caller: { tenantId }, sessionId, action, path }: Operation,
    gone: AbortSignal,
    act: (files: Files, signal: AbortSignal) => Promise<Result>,
  ): Promise<Result> {
    const { operations, sessions, timeoutMs } = this.#dependencies;
    const deadline = AbortSignal.timeout(timeoutMs);
    const signal = AbortSignal.any([gone, deadline]);
    try {
      const files = await sessions.files(tenantId, sessionId);
      using turn = await operations.enter(tenantId, sessionId, signal);
      turn satisfies Disposable;
      return await act(files, signal);
    } catch (error) {
      if (!deadline.aborted || error !== deadline.reason) throw error;
      const seconds = timeoutMs / 1000;
      const context = { path: path === '' ? WORKSPACE_DIRECTORY : path, action, seconds };
      throw new CaissonError('file_operation_unfinished', context, { cause: error });
    }
  }

  /** Records a completed change in the audit trail. */
  #record(caller: Principal, sessionId: SessionId, action: FileAction, details: FileDetails): Promise<void> {
    const { audit, clock, storage } = this.#dependencies;
    const record = fileChanged(caller, sessionId, action, details, clock.nowMs());
    return storage.orLater(() => audit.append(record));
  }
}

/** Writes one file, all or nothing. */
export type FileWriter = (
  path: WorkspacePath,
  body: Readable,
) => Promise<{ readonly entry: FileEntry; readonly replaced: boolean }>;
