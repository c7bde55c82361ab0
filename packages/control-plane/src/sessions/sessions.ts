import { CaissonError, isCaissonError, newSessionId, SYSTEM } from '@caisson/protocol/api';
import type {
  CreateSessionRequest,
  IdSource,
  NodeId,
  SessionId,
  SessionReason,
  TenantId,
} from '@caisson/protocol/api';
import type { DataPlane, EndRequest, Files, SandboxStatus } from '@caisson/protocol/ports';
import type { Logger } from 'pino';
import type { Actor } from '../audit/audit-record.ts';
import type { ControlPlaneConfig } from '../config.ts';
import type { Executions } from '../executions/executions.ts';
import type { Idempotency } from '../executions/idempotency.ts';
import type { Principal } from '../model/principal.ts';
import { advanceSession, LIVE_STATUSES } from '../model/session-record.ts';
import type { SessionRecord } from '../model/session-record.ts';
import type { SessionFilter, SessionRepository } from '../store/sessions.ts';
import type { StorageHealth } from '../store/writing/storage-health.ts';
import type { Clock } from '../time/clock.ts';
import { SandboxCreation } from './sandbox-creation.ts';
import { newSession } from './new-session.ts';

/** How long to wait for the removal of a sandbox; its node continues after that. */
const DESTROY_MS = 35_000;
const PAUSE_TIMEOUT_MS = 10_000;

export interface SessionsDependencies {
  readonly config: Pick<
    ControlPlaneConfig,
    'maxSessionsPerTenant' | 'maxSessionLifetimeMs' | 'createSandboxTimeoutMs' | 'sandboxLeaseMs'
  >;
  readonly dataPlane: DataPlane;
  readonly nodeId: NodeId;
  readonly executions: Executions;
  readonly idempotency: Idempotency;
  readonly store: SessionRepository;
  readonly storage: StorageHealth;
  readonly logger: Logger;
  readonly clock: Clock;
  readonly ids: IdSource | undefined;
  /** Aborted when this replica stops. */
  readonly closing: AbortSignal;
}

/** All sessions: the recorded state from the store, the last use of their sandboxes from the node. */
export class Sessions {
  readonly #dependencies: SessionsDependencies;
  readonly #creations: SandboxCreation;
  /** Sessions that this replica is ending. */
  readonly #ending = new Map<SessionId, Promise<void>>();
  /** Sessions whose end cannot be written, with the error for callers that ask for them. */
  readonly #unwritten = new Map<SessionId, CaissonError>();
  #stopping = false;

  constructor(dependencies: SessionsDependencies) {
    this.#dependencies = dependencies;
    this.#creations = new SandboxCreation(dependencies);
  }

  /**
   * Creates a session with its sandbox, once for each idempotency key. Without a key nobody else knows its id: it is ended again
   * if the caller disconnects before the answer (`gone` aborts).
   * @throws CaissonError `template_not_found`, `validation_failed`, `session_limit_reached`, `session_not_running` if it was
   * ended in the meantime, `storage_unavailable`, `idempotency_key_reused`, and what the data plane throws
   */
  async create(
    caller: Principal,
    request: CreateSessionRequest,
    { key, gone }: { readonly key: string | undefined; readonly gone: AbortSignal },
  ): Promise<SessionRecord> {
    const { tenantId } = caller;
    const { idempotency, ids } = this.#dependencies;
    const id = newSessionId(ids);
    if (key === undefined) this.#endAt(gone, caller, id);
    const sessionId = await idempotency.once({ tenantId, endpoint: 'sessions', key, request, id }, () =>
      this.#create(caller, request, id),
    );
    return this.find(tenantId, sessionId);
  }

  /**
   * A session whose end cannot be written is returned as recorded.
   * @throws CaissonError `session_not_found`, also for another tenant's session
   */
  async find(tenantId: TenantId, id: SessionId): Promise<SessionRecord> {
    const { dataPlane, closing } = this.#dependencies;
    const record = await this.#read(tenantId, id);
    if (record.state.status === 'terminated') return record;
    return this.#withLastUse(record, await dataPlane.sandbox(record.sandboxId, closing));
  }

  async list(tenantId: TenantId, filter: SessionFilter): Promise<SessionRecord[]> {
    const { dataPlane, store, closing } = this.#dependencies;
    const [records, sandboxes] = await Promise.all([
      store.list(tenantId, filter),
      dataPlane.sandboxes(closing),
    ]);
    const byId = new Map(sandboxes.map((sandbox) => [sandbox.id, sandbox]));
    return records.map((record) => this.#withLastUse(record, byId.get(record.sandboxId)));
  }

  /**
   * A session that can run steps.
   * @throws CaissonError `session_not_found`, `session_not_running`, and `storage_unavailable` if it has ended, but its end is
   * not recorded yet
   */
  async running(tenantId: TenantId, id: SessionId): Promise<SessionRecord> {
    const unwritten = this.#unwritten.get(id);
    const record = await this.#read(tenantId, id);
    if (unwritten !== undefined) throw unwritten;
    const { status } = record.state;
    if (status !== 'running') throw new CaissonError('session_not_running', { id, status });
    return record;
  }

  /** The files of a running session; access to them counts as use of the session. @throws what `running` throws */
  async files(tenantId: TenantId, id: SessionId): Promise<Files> {
    return this.#dependencies.dataPlane.files((await this.running(tenantId, id)).sandboxId);
  }

  /**
   * Ends it and waits until its sandbox is removed; an ended session stays as it is.
   * @throws CaissonError `storage_unavailable` if its end could not be written
   */
  async terminate({ tenantId, id: by }: Principal, id: SessionId): Promise<SessionRecord> {
    const record = await this.#read(tenantId, id);
    if (record.state.status !== 'terminated') await this.end(record, 'requested', by);
    const unwritten = this.#unwritten.get(id);
    if (unwritten !== undefined) throw unwritten;
    return this.#read(tenantId, id);
  }

  /** Freezes all its processes. @throws CaissonError `session_state_conflict` unless it is running and idle */
  async pause(caller: Principal, id: SessionId): Promise<SessionRecord> {
    const { dataPlane, executions } = this.#dependencies;
    return this.#change(caller, id, 'pause', async (record, signal) => {
      if ((await executions.countOfSession(id)) > 0) throw conflict(id, 'busy', 'pause');
      await dataPlane.pauseSandbox(record.sandboxId, signal);
    });
  }

  /** @throws CaissonError `session_state_conflict` unless it is paused */
  async resume(caller: Principal, id: SessionId): Promise<SessionRecord> {
    const { dataPlane } = this.#dependencies;
    return this.#change(caller, id, 'resume', async (record, signal) =>
      dataPlane.resumeSandbox(record.sandboxId, signal),
    );
  }

  /** Sets its expiry to `timeoutMs` from now. @throws CaissonError `session_lifetime_exceeded`, `session_state_conflict` */
  async extend(caller: Principal, id: SessionId, timeoutMs: number): Promise<SessionRecord> {
    const { clock, config, storage, store } = this.#dependencies;
    storage.assertWorking();
    const record = await this.#read(caller.tenantId, id);
    const { status } = record.state;
    if (status === 'terminated' || this.#ending.has(id)) throw conflict(id, status, 'be extended');
    const now = clock.nowMs();
    const expiresAt = now + timeoutMs;
    if (expiresAt - record.createdAt > config.maxSessionLifetimeMs) {
      throw tooLong(id, config.maxSessionLifetimeMs);
    }
    const extended = { ...record, expiresAt, lastUsedAt: now };
    if (!(await storage.orLater(() => store.extend(extended, LIVE_STATUSES, caller.id)))) {
      throw conflict(id, 'terminated', 'be extended');
    }
    return extended;
  }

  /** Whether this replica is creating or ending it. */
  isChanging(id: SessionId): boolean {
    return this.#ending.has(id) || this.#creations.isUnderWay(id) || this.#unwritten.has(id);
  }

  /** Ends a live session, for all replicas, and waits until its sandbox is removed; never rejects. */
  async end(record: SessionRecord, reason: SessionReason, by: Actor): Promise<void> {
    const { id } = record;
    const ending = this.#ending.get(id) ?? this.#endOnce(record, reason, by);
    this.#ending.set(id, ending);
    await ending;
    this.#ending.delete(id);
  }

  /** Accepts no new sessions. */
  stopIntake(): void {
    this.#stopping = true;
  }

  /** Ends all sessions, because the server stops. */
  async endAll(): Promise<void> {
    const { dataPlane, store, closing } = this.#dependencies;
    const live = await store.live();
    // A sandbox that its node ends, although no session of it was ended, is lost.
    const sandboxes = (await dataPlane.sandboxes(closing)).filter(({ state }) => state !== 'ending');
    const known = new Set(sandboxes.map(({ id }) => id));
    const isLost = ({ id, sandboxId }: SessionRecord) => !known.has(sandboxId) && !this.isChanging(id);
    await Promise.all(
      live.map((record) => this.end(record, isLost(record) ? 'sandbox_lost' : 'shutdown', SYSTEM)),
    );
  }

  async #create(caller: Principal, request: CreateSessionRequest, id: SessionId): Promise<void> {
    if (this.#stopping) throw new CaissonError('shutting_down', { retryAfterSeconds: 5 });
    const { config, clock, dataPlane, ids, nodeId, storage, store, closing } = this.#dependencies;
    storage.assertWorking();
    const { templates, maximum } = await dataPlane.describe(closing);
    const { tenantId } = caller;
    const now = clock.nowMs();
    const record = newSession(request, { id, tenantId, nodeId, templates, maximum, now, ids });
    const maximumMs = config.maxSessionLifetimeMs;
    if (record.expiresAt - record.createdAt > maximumMs) throw tooLong(id, maximumMs);
    using creation = this.#creations.begin(id);
    if (!(await store.insert(record, caller.id, config.maxSessionsPerTenant))) {
      throw new CaissonError('session_limit_reached', { limit: config.maxSessionsPerTenant });
    }
    try {
      await this.#creations.run(record, request.env_vars, creation.signal);
    } catch (error) {
      await this.end(record, 'create_failed', SYSTEM);
      throw error;
    }
  }

  async #change(
    caller: Principal,
    id: SessionId,
    action: 'pause' | 'resume',
    act: (record: SessionRecord, signal: AbortSignal) => Promise<void>,
  ): Promise<SessionRecord> {
    const { clock, storage, store } = this.#dependencies;
    storage.assertWorking();
    const record = await this.#read(caller.tenantId, id);
    const { status } = record.state;
    const event = { type: action === 'pause' ? 'paused' : 'resumed' } as const;
    const changed = advanceSession({ ...record, lastUsedAt: clock.nowMs() }, event, clock.nowMs());
    if (changed === undefined || this.#ending.has(id)) throw conflict(id, status, action);
    try {
      await act(record, AbortSignal.timeout(PAUSE_TIMEOUT_MS));
    } catch (error) {
      if (isCaissonError(error, 'sandbox_state_conflict')) {
        throw new CaissonError('session_state_conflict', { id, status: 'busy', action }, { cause: error });
      }
      throw error;
    }
    const name = `session.${event.type}` as const;
    if (await storage.orLater(() => store.change(changed, [status], name, caller.id))) return changed;
    throw conflict(id, (await this.#read(caller.tenantId, id)).state.status, action);
  }

  /** Never rejects: failures are logged and left to the next reconciliation. */
  async #endOnce(record: SessionRecord, reason: SessionReason, by: Actor): Promise<void> {
    const { clock, dataPlane, executions } = this.#dependencies;
    const { id, sandboxId } = record;
    const log = this.#log(id);
    this.#creations.abort(id);
    const end: EndRequest = { reason: reason === 'shutdown' ? 'shutdown' : 'session_terminated', by };
    try {
      // The row first, so that no replica starts a new step in it.
      const now = clock.nowMs();
      const terminated = advanceSession(record, { type: 'terminated', reason }, now);
      if (terminated !== undefined) await this.#recordEnd(terminated, by);
    } catch (error) {
      log.error({ err: error }, 'end of the session not recorded');
    }
    try {
      await executions.endWaitingOf(id, end.reason, by);
    } catch (error) {
      log.error({ err: error }, 'queued steps of the session not ended');
    }
    try {
      await dataPlane.destroySandbox(sandboxId, end, AbortSignal.timeout(DESTROY_MS));
    } catch (error) {
      log.error({ err: error, sandbox_id: sandboxId }, 'sandbox not destroyed');
    }
    log.info({ reason, sandbox_id: sandboxId }, 'session ended');
  }

  async #recordEnd(ended: SessionRecord, by: Actor): Promise<void> {
    const { storage, store } = this.#dependencies;
    const write = () => store.change(ended, LIVE_STATUSES, 'session.terminated', by);
    try {
      await write();
    } catch (error) {
      if (!isCaissonError(error, 'storage_unavailable')) throw error;
      this.#unwritten.set(ended.id, error);
      const forget = () => this.#unwritten.delete(ended.id);
      // If it is never written, the next start does it.
      storage.untilWritten(write).then(forget, forget);
    }
  }

  #endAt(gone: AbortSignal, { tenantId, id: by }: Principal, id: SessionId): void {
    const end = () => {
      this.#read(tenantId, id)
        .then((record) => this.end(record, 'requested', by))
        .catch((error: unknown) => {
          // It has not been created.
          if (isCaissonError(error, 'session_not_found')) return;
          this.#log(id).error({ err: error }, 'session of a disconnected caller not ended');
        });
    };
    if (gone.aborted) end();
    else gone.addEventListener('abort', end, { once: true });
  }

  async #read(tenantId: TenantId, id: SessionId): Promise<SessionRecord> {
    const record = await this.#dependencies.store.find(tenantId, id);
    if (record === undefined) throw new CaissonError('session_not_found', { id });
    return record;
  }

  #withLastUse(record: SessionRecord, sandbox: SandboxStatus | undefined): SessionRecord {
    if (sandbox === undefined) return record;
    const lastUsedAt = Math.round(this.#dependencies.clock.nowMs() - sandbox.idleMs);
    return { ...record, lastUsedAt: Math.max(record.lastUsedAt, lastUsedAt) };
  }

  #log(id: SessionId): Logger {
    return this.#dependencies.logger.child({ session_id: id });
  }
}

function conflict(id: SessionId, status: string, action: string): CaissonError {
  return new CaissonError('session_state_conflict', { id, status, action });
}

function tooLong(id: SessionId, maximumMs: number): CaissonError {
  return new CaissonError('session_lifetime_exceeded', { id, maximumSeconds: maximumMs / 1000 });
}
