import { newExecutionId, newSandboxId } from '@caisson/protocol/api';
import type { ExecuteRequest, ExecutionId, IdSource, JobRequest } from '@caisson/protocol/api';
import type { DataPlane, SandboxQuota } from '@caisson/protocol/ports';
import type { Language, SessionId } from '@caisson/protocol/api';
import type { StepRequest } from '@caisson/protocol/ports';
import type { QueuedJob } from '../model/execution-record.ts';
import type { Principal } from '../model/principal.ts';
import { languageOf, resourcesOf, templateOfJob } from '../model/templates.ts';
import { textOf } from '../views/embedded-json.ts';
import type { Executions } from './executions.ts';
import type { Idempotency } from './idempotency.ts';
import type { Run } from './live-execution.ts';

export interface SubmitOptions {
  /** The caller's `Idempotency-Key`. */
  readonly key: string | undefined;
  /** Whether it keeps running without its caller. */
  readonly detached: boolean;
  /** Whether the caller follows its events from the start. */
  readonly streamed: boolean;
}

export interface JobsDependencies {
  readonly dataPlane: Pick<DataPlane, 'describe'>;
  readonly executions: Executions;
  readonly idempotency: Idempotency;
  readonly quota: SandboxQuota;
  readonly outputLimitBytes: number;
  readonly ids: IdSource | undefined;
  readonly closing: AbortSignal;
}

/** Jobs: code that runs in a fresh environment, which is then discarded. */
export class Jobs {
  readonly #dependencies: JobsDependencies;

  constructor(dependencies: JobsDependencies) {
    this.#dependencies = dependencies;
  }

  /**
   * Submits a job, once for each idempotency key; see `Executions.submit`.
   * @throws CaissonError `template_not_found`, `language_not_in_template`, `validation_failed`, `queue_full`, `shutting_down`,
   * `idempotency_key_reused`
   */
  async submit(
    caller: Principal,
    request: JobRequest,
    { key, detached, streamed }: SubmitOptions,
  ): Promise<ExecutionId> {
    const { dataPlane, executions, idempotency, ids, closing } = this.#dependencies;
    const { tenantId } = caller;
    const id = newExecutionId(ids);
    return idempotency.once({ tenantId, endpoint: 'jobs', key, request, id }, async () => {
      const { templates, maximum } = await dataPlane.describe(closing);
      const template = templateOfJob(templates, request.template_id, request.language);
      const sandbox: QueuedJob['sandbox'] = {
        id: newSandboxId(ids),
        tenantId,
        templateId: template.id,
        isolation: request.isolation,
        resources: resourcesOf(template, request.resources, maximum),
        env: {},
        isolationScope: request.isolation_scope ?? 'auto',
      };
      const { outputLimitBytes } = this.#dependencies;
      const language = languageOf(template, request.language);
      const step = stepOf(request, { executionId: id, sessionId: null, language, outputLimitBytes });
      const job = { step, sandbox };
      await executions.submit({
        caller,
        templateId: template.id,
        job,
        ...this.runOf(job, detached, streamed),
      });
    });
  }

  /** The run of a job, new or from the queue. */
  runOf({ step, sandbox }: QueuedJob, detached: boolean, streamed = false): Run {
    const { quota } = this.#dependencies;
    const target = { type: 'fresh', sandbox: { ...sandbox, quota } } as const;
    return { request: { tenantId: sandbox.tenantId, step, target, streamed }, detached };
  }
}

export function stepOf(
  request: ExecuteRequest,
  given: {
    readonly executionId: ExecutionId;
    readonly sessionId: SessionId | null;
    readonly language: Language;
    readonly outputLimitBytes: number;
  },
): StepRequest {
  return {
    ...given,
    code: request.code,
    timeoutMs: Math.round(request.timeout * 1000),
    env: request.env_vars,
    stdin: request.stdin ?? null,
    event: textOf(request.event ?? {}),
  };
}
