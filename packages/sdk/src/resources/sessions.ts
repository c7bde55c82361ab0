import {
  type createSessionRequest,
  type executeRequest,
  executionList,
  type ExecutionResult,
  executionStatusView,
  type ExecutionSummary,
  type Session,
  session,
  sessionList,
  type SessionStatus,
} from '@caisson/protocol/api';
import type { z } from 'zod';
import { type ExecutionStream, startExecution } from '../events/execution-stream.ts';
import type { ApiRequest, CallOptions, SubmitOptions, Transport } from '../http/transport.ts';
import type { ExecutionListing, Executions, ExecutionStatusView } from './executions.ts';
import { allPages, type Page, type PageQuery, withQuery } from './pages.ts';
import { sessionPath } from './paths.ts';
import { runToEnd } from './run-to-end.ts';
import { inBackground, submission } from './submission.ts';

export type SessionInput = z.input<typeof createSessionRequest>;
export type StepInput = z.input<typeof executeRequest>;

export interface SessionListing extends PageQuery {
  readonly status?: SessionStatus | undefined;
}

/** Sandboxes that keep their state and their workspace between steps. */
export class Sessions {
  readonly #transport: Transport;
  readonly #executions: Executions;

  constructor(transport: Transport, executions: Executions) {
    this.#transport = transport;
    this.#executions = executions;
  }

  /** Resolves when the session runs. An abort without an idempotency key ends it again. */
  async create(input: SessionInput = {}, options?: SubmitOptions): Promise<Session> {
    return this.#transport.json(submission('/api/v1/sessions', input, options), session, options);
  }

  /** One page, newest first. */
  async list(query: SessionListing = {}, options?: CallOptions): Promise<Page<Session>> {
    const path = withQuery('/api/v1/sessions', query);
    return this.#transport.json({ method: 'GET', path }, sessionList, options);
  }

  /** All of them, newest first. */
  listAll(query: SessionListing = {}, options?: CallOptions): AsyncGenerator<Session> {
    return allPages(query, (page) => this.list(page, options));
  }

  async get(id: string, options?: CallOptions): Promise<Session> {
    return this.#transport.json({ method: 'GET', path: sessionPath(id) }, session, options);
  }

  /** Runs a step to its end. An exception in the code is a result, not an error. An abort cancels the step. */
  async execute(id: string, step: StepInput, options?: SubmitOptions): Promise<ExecutionResult> {
    const request = stepRequest(id, step, options);
    return runToEnd(this.#transport, request, options, (execution) => this.#executions.cancel(execution));
  }

  /** Starts a step and follows its events. An abort ends the following; the step goes on until it is cancelled by its id. */
  async stream(id: string, step: StepInput, options?: SubmitOptions): Promise<ExecutionStream> {
    return startExecution(this.#transport, stepRequest(id, step, options), options);
  }

  /** Starts a step and returns its id at once; see `executions` for the rest. */
  async start(id: string, step: StepInput, options?: SubmitOptions): Promise<ExecutionStatusView> {
    const request = inBackground(stepRequest(id, step, options));
    return this.#transport.json(request, executionStatusView, options);
  }

  /** One page of the steps of a session, newest first. */
  async executions(
    id: string,
    query: ExecutionListing = {},
    options?: CallOptions,
  ): Promise<Page<ExecutionSummary>> {
    const path = withQuery(`${sessionPath(id)}/executions`, query);
    return this.#transport.json({ method: 'GET', path }, executionList, options);
  }

  /** Freezes all processes of a session that runs no step. */
  async pause(id: string, options?: CallOptions): Promise<Session> {
    return this.#change(id, 'pause', undefined, options);
  }

  async resume(id: string, options?: CallOptions): Promise<Session> {
    return this.#change(id, 'resume', undefined, options);
  }

  /** Sets how long the session lives from now on. @param input.timeout seconds; default 300 */
  async extend(id: string, input: { timeout?: number } = {}, options?: CallOptions): Promise<Session> {
    return this.#change(id, 'extend', input, options);
  }

  /** Ends a session and deletes its workspace. */
  async terminate(id: string, options?: CallOptions): Promise<void> {
    await this.#transport.empty({ method: 'DELETE', path: sessionPath(id) }, options);
  }

  async #change(id: string, action: string, json: unknown, options?: CallOptions): Promise<Session> {
    const path = `${sessionPath(id)}/${action}`;
    return this.#transport.json({ method: 'POST', path, json }, session, options);
  }
}

function stepRequest(id: string, step: StepInput, options: SubmitOptions | undefined): ApiRequest {
  return submission(`${sessionPath(id)}/execute`, step, options);
}
