import { jobRequest } from '@caisson/protocol/api';
import { executionAnswers, problems, submitAndAnswer, submitMode } from '../answers/execution-answers.ts';
import type { Api } from '../api.ts';
import type { Services } from '../services.ts';

export function jobRoutes(api: Api, services: Services): void {
  const { answering, jobs } = services;
  api.route({
    method: 'POST',
    url: '/jobs',
    schema: {
      summary: 'Run a job: code in a fresh sandbox that is destroyed afterwards',
      description:
        'Returns the result once the code has finished; with `Prefer: respond-async` it returns the ID at once, and with ' +
        '`Accept: text/event-stream` it streams events as they happen. An exception in the code is a result, not an error.',
      tags: ['jobs'],
      body: jobRequest,
      response: { ...executionAnswers, ...problems },
    },
    handler: async (request, reply) => {
      const { principal: caller } = request;
      const how = submitMode(request.headers);
      return submitAndAnswer(answering, request, reply, how, () => jobs.submit(caller, request.body, how));
    },
  });
}
