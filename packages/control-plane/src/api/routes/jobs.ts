import { jobRequest } from '@caisson/protocol';
import { submitJob } from '../../executions/jobs.ts';
import { jobQuota } from '../../model/sandbox-quotas.ts';
import {
  answerMode,
  executionAnswers,
  idempotencyKey,
  problems,
  submitAndAnswer,
} from '../answers/execution-answers.ts';
import type { Api } from '../api.ts';
import type { Services } from '../services.ts';

export function jobRoutes(api: Api, services: Services): void {
  const { config, dataPlane, executions, idempotency, ids } = services;
  const jobs = {
    ...{ dataPlane, executions, ids, quota: jobQuota(config) },
    outputLimitBytes: config.outputLimitBytes,
  };
  api.route({
    method: 'POST',
    url: '/jobs',
    schema: {
      summary: 'Run code in a fresh sandbox that is thrown away',
      description:
        'Waits and answers with the result; `Prefer: respond-async` answers with the id at once, `Accept: ' +
        'text/event-stream` with the events as they happen. An exception in the code is a result, not an error.',
      tags: ['jobs'],
      body: jobRequest,
      response: { ...executionAnswers, ...problems },
    },
    handler: async (request, reply) => {
      const { principal: caller } = request;
      const mode = answerMode(request.headers);
      const key = idempotencyKey(request.headers);
      const detached = mode !== 'wait' || key !== undefined;
      return submitAndAnswer(services.answering, request, reply, { caller, mode, detached }, () =>
        idempotency.once({ tenantId: caller.tenantId, endpoint: 'jobs', key, request: request.body }, () =>
          submitJob(jobs, caller, request.body, detached),
        ),
      );
    },
  });
}
