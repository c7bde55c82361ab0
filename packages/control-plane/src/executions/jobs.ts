import { newExecutionId, newSandboxId } from '@caisson/protocol';
import type {
  DataPlane,
  ExecuteRequest,
  ExecutionId,
  IdSource,
  JobRequest,
  Language,
  SandboxQuota,
  SandboxRequest,
  SessionId,
  StepRequest,
} from '@caisson/protocol';
import type { Principal } from '../model/principal.ts';
import { textOf } from '../views/embedded-json.ts';
import type { QueuedJob } from '../model/execution-record.ts';
import type { Executions } from './executions.ts';
import type { StepRunner } from './placing.ts';
import { languageOf, resourcesOf, templateOfJob } from '../model/templates.ts';

export interface JobsDependencies {
  readonly dataPlane: DataPlane;
  readonly executions: Executions;
  readonly quota: SandboxQuota;
  readonly outputLimitBytes: number;
  readonly ids: IdSource | undefined;
}

/**
 * Submits a job; see `Executions.submit`.
 * @throws CaissonError `template_not_found`, `language_not_in_template`, `validation_failed`, `queue_full`, `shutting_down`
 */
export async function submitJob(
  { dataPlane, executions, quota, outputLimitBytes, ids }: JobsDependencies,
  caller: Principal,
  request: JobRequest,
  detached: boolean,
): Promise<ExecutionId> {
  const template = templateOfJob(dataPlane.templates, request.template_id, request.language);
  const language = languageOf(template, request.language);
  const sandbox: QueuedJob['sandbox'] = {
    id: newSandboxId(ids),
    tenantId: caller.tenantId,
    templateId: template.id,
    isolation: request.isolation,
    resources: resourcesOf(template, request.resources, dataPlane.maximum),
    env: {},
    isolationScope: request.isolation_scope ?? 'auto',
  };
  const step = stepOf(request, {
    executionId: newExecutionId(ids),
    sessionId: null,
    language,
    outputLimitBytes,
  });
  const place = freshPlace(dataPlane, { ...sandbox, quota });
  return executions.submit({
    caller,
    templateId: template.id,
    step,
    place,
    detached,
    job: { step, sandbox },
  });
}

/** A place that is made for one step and thrown away. */
export function freshPlace(dataPlane: DataPlane, sandbox: SandboxRequest): StepRunner {
  return (step, events, signal) => dataPlane.runJob(sandbox, step, events, signal);
}

export function stepOf(
  request: ExecuteRequest,
  given: {
    executionId: ExecutionId;
    sessionId: SessionId | null;
    language: Language;
    outputLimitBytes: number;
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
