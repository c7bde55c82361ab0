import { CaissonError, isCaissonError, SYSTEM } from '@caisson/protocol';
import type {
  CreateSessionRequest,
  DataPlane,
  IdSource,
  LentSandbox,
  SandboxId,
  SessionId,
  SessionReason,
  TenantId,
} from '@caisson/protocol';
import type { Logger } from 'pino';
import type { Actor } from '../audit/audit-record.ts';
import type { Clock } from '../time/clock.ts';
import type { ControlPlaneConfig } from '../config.ts';
import type { SessionFilter, SessionRepository } from '../store/sessions.ts';
import type { StorageHealth } from '../store/writing/storage-health.ts';
import type { Principal } from '../model/principal.ts';
import type { Executions } from '../executions/executions.ts';
import { liveSession } from './live-session.ts';
import type { LiveSession } from './live-session.ts';
import { newSession } from './new-session.ts';
import { sessionQuota } from '../model/sandbox-quotas.ts';
import { advanceSession, LIVE_STATUSES } from '../model/session-record.ts';
import type { SessionRecord } from '../model/session-record.ts';
import { judge } from './session-expiry.ts';
import { settledWithin } from '../time/settled-within.ts';

/** How long the steps of a session that ends have to be gone, and its sandbox after them. */
const END_OF_STEPS_MS = 5000;
const DESTROY_MS = 30_000;
const PAUSE_TIMEOUT_MS = 10_000;

export interface SessionsDependencies {
  readonly config: Pick<
    ControlPlaneConfig,
    'maxSessionsPerTenant' | 'maxSessionLifetimeMs' | 'createSandboxTimeoutMs'
  >;
  readonly dataPlane: DataPlane;
  readonly executions: Executions;
  readonly store: SessionRepository;
  readonly storage: StorageHealth;
  readonly logger: Logger;
  readonly clock: Clock;
  readonly ids: IdSource | undefined;
}

/** All sessions: the live ones in memory, the others in the store. */
export class Sessions {
  readonly #live = new Map<SessionId, LiveSession>();
  readonly #dependencies: SessionsDependencies;
  #stopping = false;

  constructor(dependencies: SessionsDependencies) {
    this.#dependencies = dependencies;
  }

  get liveCount(): number {
    return this.#live.size;
  }

  /**
   * Makes a session with its sandbox; when `caller` is aborted meanwhile, it is ended again.
   * @throws CaissonError `template_not_found`, `validation_failed`, `session_limit_reached`, `session_not_running` where it was
   * ended meanwhile, `storage_unavailable`, and what the data plane throws
   */
  async create(
    { tenantId, id: by }: Principal,
    request: CreateSessionRequest,
    caller: AbortSignal | undefined,
  ): Promise<SessionId> {
    if (this.#stopping) throw new CaissonError('shutting_down', { retryAfterSeconds: 5 });
    const { config, clock, dataPlane, ids, storage, store } = this.#dependencies;
    storage.assertWorking();
    const { templates, maximum } = dataPlane;
    const record = newSession(request, { tenantId, templates, maximum, now: clock.nowMs(), ids });
    const maximumMs = config.maxSessionLifetimeMs;
    if (record.expiresAt - record.createdAt > maximumMs) throw tooLong(record.id, maximumMs);
    const live = liveSession(record);
    this.#live.set(record.id, live);
    const onGone = () => {
      this.#endSoon(live, 'requested', by);
    };
    caller?.addEventListener('abort', onGone, { once: true });
    try {
      const limit = config.maxSessionsPerTenant;
      live.inserted = await store.insert(record, by, limit);
      if (!live.inserted) throw new CaissonError('session_limit_reached', { limit });
      await this.#make(live, request.env_vars);
    } catch (error) {
      await this.#end(live, 'create_failed', SYSTEM);
      throw error;
    } finally {
      caller?.removeEventListener('abort', onGone);
    }
    return record.id;
  }

  /** One whose end cannot be written is told as it is on record. @throws CaissonError `session_not_found`, for another tenant's too */
  async find(tenantId: TenantId, id: SessionId): Promise<SessionRecord> {
    const record = this.#liveRecord(id) ?? (await this.#dependencies.store.find(tenantId, id));
    if (record?.tenantId !== tenantId) throw new CaissonError('session_not_found', { id });
    return record;
  }

  async list(tenantId: TenantId, filter: SessionFilter): Promise<SessionRecord[]> {
    const records = await this.#dependencies.store.list(tenantId, filter);
    return records.map((record) => this.#liveRecord(record.id) ?? record);
  }

  /**
   * Calls `use` with the sandbox of a running session, which counts as use of it.
   * @throws CaissonError `session_not_found`, `session_not_running`, `storage_unavailable` where it has ended, but that is not
   * on record yet, and what `use` throws
   */
  async use<Result>(
    tenantId: TenantId,
    id: SessionId,
    use: (sandbox: LentSandbox) => Promise<Result>,
  ): Promise<Result> {
    const record = await this.find(tenantId, id);
    const live = this.#live.get(id);
    if (live?.unwritten !== undefined) throw live.unwritten;
    const status = live?.changing === 'pause' ? 'paused' : (live?.record ?? record).state.status;
    if (live?.sandbox === undefined || status !== 'running') {
      throw new CaissonError('session_not_running', { id, status });
    }
    live.uses += 1;
    this.#touch(live);
    try {
      return await use(live.sandbox);
    } catch (error) {
      if (error instanceof CaissonError && error.code === 'sandbox_lost') {
        this.#endSoon(live, 'sandbox_lost', SYSTEM);
      }
      throw error;
    } finally {
      live.uses -= 1;
      this.#touch(live);
    }
  }

  /**
   * Ends it and waits until nothing of it is left; one that has ended stays as it is.
   * @throws CaissonError `storage_unavailable` where its end could not be written
   */
  async terminate(caller: Principal, id: SessionId): Promise<SessionRecord> {
    const { tenantId, id: by } = caller;
    const record = await this.find(tenantId, id);
    const live = this.#live.get(id);
    if (live === undefined) return record;
    await this.#end(live, 'requested', by);
    if (live.unwritten !== undefined) throw live.unwritten;
    return live.record;
  }

  /** Freezes all its processes. @throws CaissonError `session_state_conflict` unless it runs and does nothing */
  async pause(caller: Principal, id: SessionId): Promise<SessionRecord> {
    return this.#change(caller, id, 'pause', (sandbox, signal) => sandbox.pause(signal));
  }

  /** @throws CaissonError `session_state_conflict` unless it is paused */
  async resume(caller: Principal, id: SessionId): Promise<SessionRecord> {
    return this.#change(caller, id, 'resume', (sandbox, signal) => sandbox.resume(signal));
  }

  /** Lets it live for `timeoutMs` from now. @throws CaissonError `session_lifetime_exceeded`, `session_state_conflict` */
  async extend(caller: Principal, id: SessionId, timeoutMs: number): Promise<SessionRecord> {
    const { tenantId, id: by } = caller;
    const { clock, config, storage, store } = this.#dependencies;
    storage.assertWorking();
    const { state } = await this.find(tenantId, id);
    const live = this.#live.get(id);
    if (live === undefined || live.ending !== undefined) throw conflict(id, state.status, 'be extended');
    const expiresAt = clock.nowMs() + timeoutMs;
    if (expiresAt - live.record.createdAt > config.maxSessionLifetimeMs) {
      throw tooLong(id, config.maxSessionLifetimeMs);
    }
    live.record = { ...live.record, expiresAt, lastUsedAt: clock.nowMs() };
    const { record } = live;
    if (!(await storage.orLater(() => store.extend(record, LIVE_STATUSES, by)))) {
      throw conflict(id, 'terminated', 'be extended');
    }
    return record;
  }

  /** Ends those whose time has come. */
  async sweep(): Promise<void> {
    const { clock, executions } = this.#dependencies;
    const ends = [...this.#live.values()].map(async (live) => {
      const busy = live.uses + executions.countOfSession(live.record.id);
      if (busy > 0) this.#touch(live);
      const verdict = judge(clock.nowMs(), live.record, busy);
      if (!verdict.keep) await this.#end(live, verdict.reason, SYSTEM);
    });
    await Promise.all(ends);
  }

  /** Ends the session of a sandbox that is gone. */
  sandboxLost(id: SandboxId): void {
    const lost = [...this.#live.values()].find(({ record }) => record.sandboxId === id);
    if (lost !== undefined) this.#endSoon(lost, 'sandbox_lost', SYSTEM);
  }

  /** Makes no new ones. */
  stopIntake(): void {
    this.#stopping = true;
  }

  /** Ends all, because the server stops. */
  async endAll(): Promise<void> {
    await Promise.all([...this.#live.values()].map((live) => this.#end(live, 'shutdown', SYSTEM)));
  }

  async #make(live: LiveSession, env: Readonly<Record<string, string>>): Promise<void> {
    const { config, dataPlane, store } = this.#dependencies;
    const { id, tenantId, sandboxId, templateId, isolation, resources } = live.record;
    const deadline = AbortSignal.timeout(config.createSandboxTimeoutMs);
    const signal = AbortSignal.any([live.creation.signal, deadline]);
    const request = {
      id: sandboxId,
      tenantId,
      templateId,
      isolation,
      resources,
      env,
      isolationScope: 'sandbox',
      quota: sessionQuota(config),
    } as const;
    let sandbox: LentSandbox;
    try {
      sandbox = await dataPlane.createSandbox(request, signal);
    } catch (cause) {
      if (live.ending !== undefined) throw notRunning(live.record);
      if (cause instanceof CaissonError) throw cause;
      const problem = deadline.aborted ? 'it took too long to make' : 'it could not be made';
      this.#log(id).error({ err: cause }, 'no sandbox could be made');
      throw new CaissonError('sandbox_unavailable', { problem }, { cause });
    }
    const created = advanceSession(live.record, { type: 'created' }, this.#dependencies.clock.nowMs());
    if (created === undefined) {
      // It was terminated while it was made: its end did not know of this sandbox.
      await this.#destroy(id, sandbox);
      throw notRunning(live.record);
    }
    live.sandbox = sandbox;
    live.record = { ...created, runtime: sandbox.placement.runtime };
    if (!(await store.update(live.record, ['creating']))) throw notRunning(live.record);
  }

  async #change(
    { tenantId, id: by }: Principal,
    id: SessionId,
    action: 'pause' | 'resume',
    act: (sandbox: LentSandbox, signal: AbortSignal) => Promise<void>,
  ): Promise<SessionRecord> {
    const { clock, executions, storage, store } = this.#dependencies;
    storage.assertWorking();
    const { state } = await this.find(tenantId, id);
    const event = { type: action === 'pause' ? 'paused' : 'resumed' } as const;
    const live = this.#live.get(id);
    if (live?.sandbox === undefined || live.changing !== undefined) throw conflict(id, state.status, action);
    if (advanceSession(live.record, event, 0) === undefined)
      throw conflict(id, live.record.state.status, action);
    // A frozen step could neither end nor be interrupted at its deadline.
    if (executions.countOfSession(id) + live.uses > 0) throw conflict(id, 'busy', action);
    live.changing = action;
    try {
      await act(live.sandbox, AbortSignal.timeout(PAUSE_TIMEOUT_MS));
      this.#touch(live);
      const changed = advanceSession(live.record, event, clock.nowMs());
      if (changed === undefined) throw conflict(id, live.record.state.status, action);
      live.record = changed;
      const from = [action === 'pause' ? 'running' : 'paused'] as const;
      const write = () => store.change(changed, from, `session.${event.type}`, by);
      // What was done cannot be undone: where the storage fails just now, it is put down later.
      if (!(await storage.orLater(write))) throw conflict(id, 'terminated', action);
      return changed;
    } finally {
      live.changing = undefined;
    }
  }

  #end(live: LiveSession, reason: SessionReason, by: Actor): Promise<void> {
    live.ending ??= this.#endOnce(live, reason, by);
    return live.ending;
  }

  #endSoon(live: LiveSession, reason: SessionReason, by: Actor): void {
    this.#end(live, reason, by).catch((error: unknown) => {
      this.#log(live.record.id).error({ err: error }, 'the session could not be ended');
    });
  }

  /** Never rejects: what could not be removed is logged, and the data plane's own sweep finds it. */
  async #endOnce(live: LiveSession, reason: SessionReason, by: Actor): Promise<void> {
    const { clock, executions } = this.#dependencies;
    const { id } = live.record;
    // First the state, so that nothing new begins in it.
    live.record = advanceSession(live.record, { type: 'terminated', reason }, clock.nowMs()) ?? live.record;
    live.creation.abort();
    try {
      const stepsEndAs = reason === 'shutdown' ? 'shutdown' : 'session_terminated';
      await executions.endOfSession(id, stepsEndAs, by, END_OF_STEPS_MS);
      if (live.sandbox !== undefined) await this.#destroy(id, live.sandbox);
      if (live.inserted) await this.#recordEnd(live, by);
    } catch (error) {
      this.#log(id).error({ err: error }, 'the end of the session was not recorded');
    } finally {
      if (live.unwritten === undefined) this.#live.delete(id);
    }
    this.#log(id).info({ reason }, 'the session has ended');
  }

  async #recordEnd(live: LiveSession, by: Actor): Promise<void> {
    const { storage, store } = this.#dependencies;
    const { record } = live;
    const write = () => store.change(record, LIVE_STATUSES, 'session.terminated', by);
    try {
      await write();
    } catch (error) {
      if (!isCaissonError(error, 'storage_unavailable')) throw error;
      live.unwritten = error;
      const forget = () => this.#live.delete(record.id);
      // Where it is never written, the next start does it.
      storage.untilWritten(write).then(forget, forget);
    }
  }

  #liveRecord(id: SessionId): SessionRecord | undefined {
    const live = this.#live.get(id);
    return live?.unwritten === undefined ? live?.record : undefined;
  }

  async #destroy(id: SessionId, sandbox: LentSandbox): Promise<void> {
    const destroyed = sandbox.destroy();
    destroyed.catch((error: unknown) => {
      this.#log(id).error({ err: error, sandbox_id: sandbox.id }, 'the sandbox could not be destroyed');
    });
    await settledWithin(destroyed, DESTROY_MS);
  }

  #touch(live: LiveSession): void {
    live.record = { ...live.record, lastUsedAt: this.#dependencies.clock.nowMs() };
  }

  #log(id: SessionId): Logger {
    return this.#dependencies.logger.child({ session_id: id });
  }
}

function notRunning({ id, state }: SessionRecord): CaissonError {
  return new CaissonError('session_not_running', { id, status: state.status });
}

function conflict(id: SessionId, status: string, action: string): CaissonError {
  return new CaissonError('session_state_conflict', { id, status, action });
}

function tooLong(id: SessionId, maximumMs: number): CaissonError {
  return new CaissonError('session_lifetime_exceeded', { id, maximumSeconds: maximumMs / 1000 });
}
