import { newExecutionId } from '@caisson/protocol/api';
import type { ExecuteRequest, ExecutionId, IdSource, SessionId } from '@caisson/protocol/api';
import type { Principal } from '../model/principal.ts';
import { languageOf } from '../model/templates.ts';
import type { Sessions } from '../sessions/sessions.ts';
import type { Executions } from './executions.ts';
import type { Idempotency } from './idempotency.ts';
import { stepOf } from './jobs.ts';
import type { SubmitOptions } from './jobs.ts';

export interface StepsDependencies {
  readonly sessions: Sessions;
  readonly executions: Executions;
  readonly idempotency: Idempotency;
  readonly outputLimitBytes: number;
  readonly ids: IdSource | undefined;
}

/** Steps: code that runs in a session, one after another. */
export class Steps {
  readonly #dependencies: StepsDependencies;

  constructor(dependencies: StepsDependencies) {
    this.#dependencies = dependencies;
  }

  /**
   * Submits a step of a session, once for each idempotency key; see `Executions.submit`.
   * @throws CaissonError `session_not_found`, `session_not_running`, `language_not_in_template`, `queue_full`,
   * `idempotency_key_reused`
   */
  async submit(
    caller: Principal,
    sessionId: SessionId,
    request: ExecuteRequest,
    { key, detached, streamed }: SubmitOptions,
  ): Promise<ExecutionId> {
    const { sessions, executions, idempotency, outputLimitBytes, ids } = this.#dependencies;
    const { tenantId } = caller;
    const id = newExecutionId(ids);
    return idempotency.once({ tenantId, endpoint: `execute:${sessionId}`, key, request, id }, async () => {
      const { templateId, languages, sandboxId } = await sessions.running(tenantId, sessionId);
      const language = languageOf({ id: templateId, languages }, request.language);
      const step = stepOf(request, { executionId: id, sessionId, language, outputLimitBytes });
      const target = { type: 'sandbox', sandboxId } as const;
      await executions.submit({
        caller,
        templateId,
        job: null,
        request: { tenantId, step, target, streamed },
        detached,
      });
    });
  }
}
