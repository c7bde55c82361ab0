import { CaissonError, executionResult, executionStatusView, problemSchema } from '@caisson/protocol/api';
import type { ExecutionId } from '@caisson/protocol/api';
import type { FastifyReply, FastifyRequest } from 'fastify';
import type { IncomingHttpHeaders } from 'node:http';
import { Readable } from 'node:stream';
import { z } from 'zod';
import type { Executions } from '../../executions/executions.ts';
import { executionStatusOf } from '../../views/execution-view.ts';
import type { JsonPieces } from '../../views/stored-result.ts';
import type { SubmitOptions } from '../../executions/jobs.ts';
import { callerSignal } from '../requests/caller.ts';
import { sendEvents } from './sse.ts';
import type { SseSettings } from './sse.ts';

/** How the caller gets the result: in the answer, later, or as the last event of a stream. */
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
    description: 'Result, or events as they happen (`Accept: text/event-stream`, see ExecutionEvent)',
    content: {
      'application/json': { schema: executionResult },
      'text/event-stream': { schema: z.string() },
    },
  },
  202: executionStatusView.describe(
    'Accepted (`Prefer: respond-async`); `Location` is the URL of the execution',
  ),
};

export interface Answering {
  readonly executions: Executions;
  readonly sse: SseSettings;
}

/** How an execution is submitted. */
export interface SubmitMode extends SubmitOptions {
  readonly mode: AnswerMode;
}

/** Detached if the caller does not wait for it, or can find it again by its key. @throws CaissonError `validation_failed` */
export function submitMode(headers: IncomingHttpHeaders): SubmitMode {
  const mode = answerMode(headers);
  const key = idempotencyKey(headers);
  const detached = mode !== 'wait' || key !== undefined;
  return { mode, key, detached, streamed: mode === 'events' };
}

/**
 * Submits an execution by `submit`, and answers with its result, id or events. An event reader's seat is taken first, so that
 * nothing starts if the caller has too many readers.
 */
export async function submitAndAnswer(
  { executions, sse }: Answering,
  request: FastifyRequest,
  reply: FastifyReply,
  { mode, detached }: SubmitMode,
  submit: () => Promise<ExecutionId>,
): Promise<FastifyReply> {
  using undo = new DisposableStack();
  const { principal: caller } = request;
  const { tenantId } = caller;
  const seat = mode === 'events' ? undo.use(executions.takeSeat(tenantId)) : undefined;
  const id = await submit();
  void reply.header('location', `/api/v1/executions/${id}`);
  if (mode === 'async') {
    const status = executionStatusOf(await executions.find(tenantId, id));
    return await reply.code(202).header('preference-applied', 'respond-async').send(status);
  }
  if (seat === undefined) {
    return await sendResult(
      reply,
      await executions.result(caller, id, { detached, gone: callerSignal(reply) }),
    );
  }
  const reader = await executions.follow(tenantId, id, 0, true, seat);
  undo.move();
  return await sendEvents(request, reply, reader, sse);
}

/** Answers with a value, or with JSON text that is sent piece by piece. */
export function sendResult(reply: FastifyReply, result: object | JsonPieces): FastifyReply {
  void reply.code(200);
  if (!(Symbol.asyncIterator in result)) return reply.send(result);
  return reply.type('application/json; charset=utf-8').send(Readable.from(result, { objectMode: false }));
}

/** Answers to failed requests: problem details. */
export const problems = {
  '4xx': problemContent('Problem with the request'),
  '5xx': problemContent('Problem in the server'),
};

function problemContent(description: string) {
  return { description, content: { 'application/problem+json': { schema: problemSchema } } };
}

/** The value of `Idempotency-Key`, if present. @throws CaissonError `validation_failed` */
export function idempotencyKey(headers: IncomingHttpHeaders): string | undefined {
  const key = headers['idempotency-key'];
  if (key === undefined) return undefined;
  if (typeof key === 'string' && /^[\x21-\x7e]{1,255}$/.test(key)) return key;
  const message = 'must be 1 to 255 visible ASCII characters, once';
  throw new CaissonError('validation_failed', { fields: [{ field: 'idempotency-key', message }] });
}
