import { newExecutionId } from '@caisson/protocol';
import type { ExecuteRequest, ExecutionId, IdSource, SessionId, TenantId } from '@caisson/protocol';
import type { Principal } from '../model/principal.ts';
import type { Executions } from './executions.ts';
import { stepOf } from './jobs.ts';
import type { StepRunner } from './placing.ts';
import type { Sessions } from '../sessions/sessions.ts';
import { languageOf } from '../model/templates.ts';

export interface StepsDependencies {
  readonly sessions: Sessions;
  readonly executions: Executions;
  readonly outputLimitBytes: number;
  readonly ids: IdSource | undefined;
}

/**
 * Submits a step of a session; see `Executions.submit`.
 * @throws CaissonError `session_not_found`, `session_not_running`, `language_not_in_template`, `queue_full`
 */
export async function submitStep(
  { sessions, executions, outputLimitBytes, ids }: StepsDependencies,
  caller: Principal,
  sessionId: SessionId,
  request: ExecuteRequest,
  detached: boolean,
): Promise<ExecutionId> {
  const { tenantId } = caller;
  const { templateId, languages } = await sessions.find(tenantId, sessionId);
  // Between this check and the submission nothing else runs: a session that ends finds the step, and ends it.
  return sessions.use(tenantId, sessionId, () => {
    const language = languageOf({ id: templateId, languages }, request.language);
    const step = stepOf(request, { executionId: newExecutionId(ids), sessionId, language, outputLimitBytes });
    const place = placeInSession(sessions, tenantId, sessionId);
    return executions.submit({ caller, templateId, step, place, detached, job: null });
  });
}

function placeInSession(sessions: Sessions, tenantId: TenantId, sessionId: SessionId): StepRunner {
  return (step, events, signal) =>
    sessions.use(tenantId, sessionId, async ({ agent, placement }) => ({
      outcome: await agent.steps.run(step, events, signal),
      placement,
    }));
}
