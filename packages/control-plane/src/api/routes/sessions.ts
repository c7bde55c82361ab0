import {
  createSessionRequest,
  executeRequest,
  executionList,
  executionListQuery,
  extendSessionRequest,
  session,
  sessionId,
  sessionList,
  sessionListQuery,
} from '@caisson/protocol/api';
import { z } from 'zod';
import { executionSummaryOf } from '../../views/execution-view.ts';
import { sessionOf } from '../../views/session-view.ts';
import {
  executionAnswers,
  idempotencyKey,
  problems,
  submitAndAnswer,
  submitMode,
} from '../answers/execution-answers.ts';
import { callerSignal } from '../requests/caller.ts';
import { keyOfCursor, pageOf } from '../answers/paging.ts';
import type { Api } from '../api.ts';
import type { Services } from '../services.ts';

export const sessionParams = z.object({ session_id: sessionId });
const tags = ['sessions'];

/** Actions on a session that need no body. */
const ACTIONS = [
  ['terminate', 'Terminate a session and delete its workspace'],
  ['pause', 'Pause a session that runs no step: freeze all of its processes'],
  ['resume', 'Resume a paused session'],
] as const;

export function sessionRoutes(api: Api, services: Services): void {
  createRoute(api, services);
  readRoutes(api, services);
  changeRoutes(api, services);
  stepRoutes(api, services);
}

function createRoute(api: Api, { sessions }: Services): void {
  api.route({
    method: 'POST',
    url: '/sessions',
    schema: {
      summary: 'Create a session',
      description: 'A session is a sandbox that keeps its state and its workspace between steps.',
      tags,
      body: createSessionRequest,
      response: { 201: session.describe('Session is running'), ...problems },
    },
    handler: async (request, reply) => {
      const key = idempotencyKey(request.headers);
      const gone = callerSignal(reply);
      const record = await sessions.create(request.principal, request.body, { key, gone });
      return reply.code(201).header('location', `/api/v1/sessions/${record.id}`).send(sessionOf(record));
    },
  });
}

function readRoutes(api: Api, { sessions }: Services): void {
  api.route({
    method: 'GET',
    url: '/sessions',
    schema: {
      summary: 'List sessions, newest first',
      tags,
      querystring: sessionListQuery,
      response: { 200: sessionList, ...problems },
    },
    handler: async (request) => {
      const { limit, cursor, status } = request.query;
      const filter = { limit: limit + 1, after: keyOfCursor(cursor), status };
      const records = await sessions.list(request.principal.tenantId, filter);
      return pageOf(records, limit, ({ id }) => id, sessionOf);
    },
  });
  api.route({
    method: 'GET',
    url: '/sessions/:session_id',
    schema: {
      summary: 'Get a session',
      tags,
      params: sessionParams,
      response: { 200: session, ...problems },
    },
    handler: async (request) =>
      sessionOf(await sessions.find(request.principal.tenantId, request.params.session_id)),
  });
}

function changeRoutes(api: Api, { sessions }: Services): void {
  const params = sessionParams;
  const response = { 200: session, ...problems };
  api.route({
    method: 'DELETE',
    url: '/sessions/:session_id',
    schema: {
      summary: 'Terminate a session and delete its workspace',
      tags,
      params,
      response: { 204: z.undefined().describe('Session terminated'), ...problems },
    },
    handler: async (request, reply) => {
      await sessions.terminate(request.principal, request.params.session_id);
      return reply.code(204).send();
    },
  });
  for (const [action, summary] of ACTIONS) {
    api.route({
      method: 'POST',
      url: `/sessions/:session_id/${action}`,
      schema: { summary, tags, params, response },
      handler: async (request) =>
        sessionOf(await sessions[action](request.principal, request.params.session_id)),
    });
  }
  api.route({
    method: 'POST',
    url: '/sessions/:session_id/extend',
    schema: {
      summary: 'Extend the lifetime of a session',
      tags,
      params,
      body: extendSessionRequest,
      response,
    },
    handler: async (request) => {
      const timeoutMs = request.body.timeout * 1000;
      return sessionOf(await sessions.extend(request.principal, request.params.session_id, timeoutMs));
    },
  });
}

function stepRoutes(api: Api, services: Services): void {
  const { answering, executions, sessions, steps } = services;
  api.route({
    method: 'POST',
    url: '/sessions/:session_id/execute',
    schema: {
      summary: 'Run code in a session',
      description:
        'Steps of a session run one after another and share its state. Returns the result once the code has finished; ' +
        'with `Prefer: respond-async` it returns the ID at once, and with `Accept: text/event-stream` it streams events ' +
        'as they happen. An exception in the code is a result, not an error.',
      tags,
      params: sessionParams,
      body: executeRequest,
      response: { ...executionAnswers, ...problems },
    },
    handler: async (request, reply) => {
      const { principal: caller } = request;
      const { session_id: id } = request.params;
      const how = submitMode(request.headers);
      return submitAndAnswer(answering, request, reply, how, () =>
        steps.submit(caller, id, request.body, how),
      );
    },
  });
  api.route({
    method: 'GET',
    url: '/sessions/:session_id/executions',
    schema: {
      summary: 'List the executions of a session, newest first',
      tags,
      params: sessionParams,
      querystring: executionListQuery,
      response: { 200: executionList, ...problems },
    },
    handler: async (request) => {
      const { tenantId } = request.principal;
      const { limit, cursor, status } = request.query;
      const { id: sessionId } = await sessions.find(tenantId, request.params.session_id);
      const filter = { limit: limit + 1, after: keyOfCursor(cursor), status, sessionId };
      return pageOf(await executions.list(tenantId, filter), limit, ({ id }) => id, executionSummaryOf);
    },
  });
}
