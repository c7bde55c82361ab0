import { CaissonError } from '@caisson/protocol/api';
import type { SessionId } from '@caisson/protocol/api';
import type { DataPlane, Placement } from '@caisson/protocol/ports';
import type { Logger } from 'pino';
import type { ControlPlaneConfig } from '../config.ts';
import { sessionQuota } from '../model/sandbox-quotas.ts';
import { advanceSession } from '../model/session-record.ts';
import type { SessionRecord } from '../model/session-record.ts';
import type { SessionRepository } from '../store/sessions.ts';
import type { Clock } from '../time/clock.ts';

/** Time limit for removing a sandbox that is no longer needed. */
const DESTROY_MS = 35_000;

export interface SandboxCreationDependencies {
  readonly config: Pick<
    ControlPlaneConfig,
    'maxSessionsPerTenant' | 'createSandboxTimeoutMs' | 'sandboxLeaseMs'
  >;
  readonly dataPlane: Pick<DataPlane, 'createSandbox' | 'destroySandbox'>;
  readonly store: Pick<SessionRepository, 'update'>;
  readonly clock: Clock;
  readonly logger: Logger;
}

/** Creates the sandboxes of new sessions. */
export class SandboxCreation {
  readonly #dependencies: SandboxCreationDependencies;
  readonly #underWay = new Map<SessionId, AbortController>();

  constructor(dependencies: SandboxCreationDependencies) {
    this.#dependencies = dependencies;
  }

  /** Marks the session as being created on this replica, until disposed of. */
  begin(id: SessionId): Disposable & { readonly signal: AbortSignal } {
    const controller = new AbortController();
    this.#underWay.set(id, controller);
    return {
      signal: controller.signal,
      [Symbol.dispose]: () => {
        this.#underWay.delete(id);
      },
    };
  }

  isUnderWay(id: SessionId): boolean {
    return this.#underWay.has(id);
  }

  /** Aborts a creation under way: the session has ended, so its sandbox is no longer needed. */
  abort(id: SessionId): void {
    this.#underWay.get(id)?.abort();
  }

  /**
   * Creates the sandbox of a session whose row exists, and records that it is running.
   * @throws CaissonError `session_not_running` if it was ended in the meantime, and what the data plane throws
   */
  async run(
    record: SessionRecord,
    env: Readonly<Record<string, string>>,
    aborted: AbortSignal,
  ): Promise<void> {
    const { clock, dataPlane, store } = this.#dependencies;
    const { runtime } = await this.#make(record, env, aborted);
    const created = advanceSession(record, { type: 'created' }, clock.nowMs());
    if (created !== undefined && (await store.update({ ...created, runtime }, ['creating']))) return;
    // It was ended during the creation, perhaps by another replica, which may not have known this sandbox.
    const end = { reason: 'session_terminated', by: 'system' } as const;
    await dataPlane.destroySandbox(record.sandboxId, end, AbortSignal.timeout(DESTROY_MS));
    throw notRunning(record.id);
  }

  async #make(
    record: SessionRecord,
    env: Readonly<Record<string, string>>,
    aborted: AbortSignal,
  ): Promise<Placement> {
    const { config, dataPlane, logger } = this.#dependencies;
    const deadline = AbortSignal.timeout(config.createSandboxTimeoutMs);
    const { id, tenantId, sandboxId, templateId, isolation, resources } = record;
    const isolationScope = 'sandbox';
    const quota = sessionQuota(config);
    const request = {
      id: sandboxId,
      tenantId,
      templateId,
      isolation,
      resources,
      env,
      isolationScope,
      quota,
    } as const;
    try {
      return await dataPlane.createSandbox(
        request,
        config.sandboxLeaseMs,
        AbortSignal.any([aborted, deadline]),
      );
    } catch (cause) {
      if (aborted.aborted) throw notRunning(id);
      if (cause instanceof CaissonError) throw cause;
      const problem = deadline.aborted ? 'it took too long to make' : 'it could not be made';
      logger.error({ err: cause, session_id: id, sandbox_id: sandboxId }, 'sandbox not created');
      throw new CaissonError('sandbox_unavailable', { problem }, { cause });
    }
  }
}

function notRunning(id: SessionId): CaissonError {
  return new CaissonError('session_not_running', { id, status: 'terminated' });
}
