import {
  executionId,
  executionList,
  executionListQuery,
  executionLogs,
  executionResult,
  executionStatusView,
} from '@caisson/protocol/api';
import { z } from 'zod';
import { executionStatusOf, executionSummaryOf } from '../../views/execution-view.ts';
import { problems, sendResult, wantsEvents } from '../answers/execution-answers.ts';
import { keyOfCursor, pageOf } from '../answers/paging.ts';
import type { Api } from '../api.ts';
import type { Services } from '../services.ts';
import { lastEventId, sendEvents } from '../answers/sse.ts';

const params = z.object({ execution_id: executionId });
const tags = ['executions'];

export function executionRoutes(api: Api, services: Services): void {
  readRoutes(api, services);
  outputRoutes(api, services);
  api.route({
    method: 'POST',
    url: '/executions/:execution_id/cancel',
    schema: {
      summary: 'Cancel an execution',
      description: 'An execution that has finished stays unchanged.',
      tags,
      params,
      response: { 200: executionResult, ...problems },
    },
    handler: async (request, reply) =>
      sendResult(reply, await services.executions.cancel(request.principal, request.params.execution_id)),
  });
}

function readRoutes(api: Api, { executions }: Services): void {
  api.route({
    method: 'GET',
    url: '/executions',
    schema: {
      summary: 'List executions, newest first',
      tags,
      querystring: executionListQuery,
      response: { 200: executionList, ...problems },
    },
    handler: async (request) => {
      const { limit, cursor, status } = request.query;
      const filter = { limit: limit + 1, after: keyOfCursor(cursor), status, sessionId: undefined };
      const records = await executions.list(request.principal.tenantId, filter);
      return pageOf(records, limit, ({ id }) => id, executionSummaryOf);
    },
  });
  api.route({
    method: 'GET',
    url: '/executions/:execution_id',
    schema: {
      summary: 'Get an execution with its output so far',
      tags,
      params,
      response: { 200: executionResult, ...problems },
    },
    handler: async (request, reply) =>
      sendResult(reply, await executions.snapshot(request.principal.tenantId, request.params.execution_id)),
  });
  api.route({
    method: 'GET',
    url: '/executions/:execution_id/status',
    schema: {
      summary: 'Get the status of an execution',
      tags,
      params,
      response: { 200: executionStatusView, ...problems },
    },
    handler: async (request) =>
      executionStatusOf(await executions.find(request.principal.tenantId, request.params.execution_id)),
  });
}

function outputRoutes(api: Api, { executions, answering }: Services): void {
  api.route({
    method: 'GET',
    url: '/executions/:execution_id/result',
    schema: {
      summary: 'Get the result of a finished execution',
      tags,
      params,
      response: { 200: executionResult, ...problems },
    },
    handler: async (request, reply) =>
      sendResult(
        reply,
        await executions.finishedResult(request.principal.tenantId, request.params.execution_id),
      ),
  });
  api.route({
    method: 'GET',
    url: '/executions/:execution_id/logs',
    schema: {
      summary: 'Get the output of an execution, or stream its events',
      description:
        'With `Accept: text/event-stream` it streams all events (see ExecutionEvent), live or replayed; `Last-Event-ID` ' +
        'resumes after the event with that ID.',
      tags,
      params,
      response: {
        200: {
          description: 'Output so far, or events',
          content: {
            'application/json': { schema: executionLogs },
            'text/event-stream': { schema: z.string() },
          },
        },
        ...problems,
      },
    },
    handler: async (request, reply) => {
      const { tenantId } = request.principal;
      const { execution_id: id } = request.params;
      if (wantsEvents(request.headers.accept)) {
        const after = lastEventId(request.headers['last-event-id']);
        return sendEvents(request, reply, await executions.follow(tenantId, id, after, false), answering.sse);
      }
      return sendResult(reply, await executions.logs(tenantId, id));
    },
  });
}
