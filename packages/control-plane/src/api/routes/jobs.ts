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
      const how = submitMode(request.headers);
      return submitAndAnswer(answering, request, reply, how, () => jobs.submit(caller, request.body, how));
    },
  });
}
