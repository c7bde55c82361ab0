import { CaissonError, executionResult, executionStatusView, problemSchema } from '@caisson/protocol';
import type { ExecutionId, ExecutionResult } from '@caisson/protocol';
import type { FastifyReply, FastifyRequest } from 'fastify';
import type { IncomingHttpHeaders } from 'node:http';
import { Readable } from 'node:stream';
import { z } from 'zod';
import type { Executions } from '../../executions/executions.ts';
import { executionStatusOf } from '../../views/execution-view.ts';
import type { JsonPieces } from '../../views/stored-result.ts';
import type { Principal } from '../../model/principal.ts';
import { whenGone } from '../requests/caller.ts';
import { sendEvents } from './sse.ts';
import type { SseSettings } from './sse.ts';

/** How the caller wants to learn of the end. */
export type AnswerMode = 'wait' | 'async' | 'events';

export function answerMode({ accept, prefer }: IncomingHttpHeaders): AnswerMode {
  if (wantsEvents(accept)) return 'events';
  const preferences = (typeof prefer === 'string' ? prefer : '').toLowerCase().split(',');
  return preferences.some((one) => one.split(';', 1)[0]?.trim() === 'respond-async') ? 'async' : 'wait';
}

export function wantsEvents(accept: string | undefined): boolean {
  return accept?.toLowerCase().includes('text/event-stream') === true;
}

export const executionAnswers = {
  200: {
    description: 'The result, or its events as they happen (`Accept: text/event-stream`, see ExecutionEvent)',
    content: {
      'application/json': { schema: executionResult },
      'text/event-stream': { schema: z.string() },
    },
  },
  202: executionStatusView.describe('Accepted (`Prefer: respond-async`); `Location` tells where it is'),
};

export interface Answering {
  readonly executions: Executions;
  readonly sse: SseSettings;
}

export interface Answered {
  readonly caller: Principal;
  readonly id: ExecutionId;
  readonly mode: AnswerMode;
  readonly detached: boolean;
  /** Where the answer is events. */
  readonly seat: Disposable | undefined;
}

/**
 * Submits an execution by `submit`, and answers with its result, id or events. Whether there is room for one more reader of
 * events is found out first: who is refused has started nothing.
 */
export async function submitAndAnswer(
  answering: Answering,
  request: FastifyRequest,
  reply: FastifyReply,
  execution: Omit<Answered, 'id' | 'seat'>,
  submit: () => Promise<ExecutionId>,
): Promise<FastifyReply> {
  using undo = new DisposableStack();
  const { caller, mode } = execution;
  const seat = mode === 'events' ? undo.use(answering.executions.takeSeat(caller.tenantId)) : undefined;
  const id = await submit();
  const answer = await answerExecution(answering, request, reply, { ...execution, id, seat });
  undo.move();
  return answer;
}

/** Answers with the result, the id or the events of an execution. */
async function answerExecution(
  { executions, sse }: Answering,
  request: FastifyRequest,
  reply: FastifyReply,
  execution: Answered,
): Promise<FastifyReply> {
  const { caller, id, mode, detached, seat } = execution;
  const { tenantId } = caller;
  void reply.header('location', `/api/v1/executions/${id}`);
  if (mode === 'async') {
    const status = executionStatusOf(await executions.find(tenantId, id));
    return reply.code(202).header('preference-applied', 'respond-async').send(status);
  }
  if (seat !== undefined) {
    return sendEvents(request, reply, await executions.follow(tenantId, id, 0, true, seat), sse);
  }
  return sendShown(reply, await waitFor(executions, reply, caller, id, detached));
}

/** Answers with a value, or with the JSON text of one as it is made. */
export function sendShown(reply: FastifyReply, shown: object | JsonPieces): FastifyReply {
  void reply.code(200);
  if (!(Symbol.asyncIterator in shown)) return reply.send(shown);
  return reply.type('application/json; charset=utf-8').send(Readable.from(shown, { objectMode: false }));
}

/** A caller that goes away while it waits cancels the execution, unless it can come back for it. */
async function waitFor(
  executions: Executions,
  reply: FastifyReply,
  caller: Principal,
  id: ExecutionId,
  detached: boolean,
): Promise<ExecutionResult | JsonPieces> {
  whenGone(reply, () => {
    if (!detached) executions.cancel(caller, id).catch(ignore);
  });
  return executions.result(caller.tenantId, id);
}

function ignore(): void {
  // There is nobody left to tell; the end of the execution is recorded either way.
}

/** Every answer that is not the one asked for is a problem. */
export const problems = {
  '4xx': problemContent('What was wrong with the request'),
  '5xx': problemContent('What went wrong in the server'),
};

function problemContent(description: string) {
  return { description, content: { 'application/problem+json': { schema: problemSchema } } };
}

/** The value of `Idempotency-Key`, if there is one. @throws CaissonError `validation_failed` */
export function idempotencyKey(headers: IncomingHttpHeaders): string | undefined {
  const key = headers['idempotency-key'];
  if (key === undefined) return undefined;
  if (typeof key === 'string' && /^[\x21-\x7e]{1,255}$/.test(key)) return key;
  const message = 'must be 1 to 255 visible ASCII characters, once';
  throw new CaissonError('validation_failed', { fields: [{ field: 'idempotency-key', message }] });
}
