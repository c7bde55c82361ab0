import {
  type ExecutionEvent,
  executionId,
  executionList,
  executionLogs,
  type ExecutionResult,
  executionResult,
  type ExecutionStatus,
  executionStatusView,
  type ExecutionSummary,
} from '@caisson/protocol/api';
import type { z } from 'zod';
import { followExecution } from '../events/execution-stream.ts';
import type { CallOptions, Transport } from '../http/transport.ts';
import { allPages, type Page, type PageQuery, withQuery } from './pages.ts';
import { executionPath } from './paths.ts';

export type ExecutionLogs = z.output<typeof executionLogs>;
export type ExecutionStatusView = z.output<typeof executionStatusView>;

export interface ExecutionListing extends PageQuery {
  readonly status?: ExecutionStatus | undefined;
}

/** What ran or runs, in jobs and in sessions. */
export class Executions {
  readonly #transport: Transport;

  constructor(transport: Transport) {
    this.#transport = transport;
  }

  /** One page, newest first. */
  async list(query: ExecutionListing = {}, options?: CallOptions): Promise<Page<ExecutionSummary>> {
    const path = withQuery('/api/v1/executions', query);
    return this.#transport.json({ method: 'GET', path }, executionList, options);
  }

  /** All of them, newest first. */
  listAll(query: ExecutionListing = {}, options?: CallOptions): AsyncGenerator<ExecutionSummary> {
    return allPages(query, (page) => this.list(page, options));
  }

  /** The execution with its output so far. */
  async get(id: string, options?: CallOptions): Promise<ExecutionResult> {
    return this.#transport.json({ method: 'GET', path: executionPath(id) }, executionResult, options);
  }

  async status(id: string, options?: CallOptions): Promise<ExecutionStatusView> {
    const path = `${executionPath(id)}/status`;
    return this.#transport.json({ method: 'GET', path }, executionStatusView, options);
  }

  /** The result of an execution that has ended. @throws ApiError `execution_not_finished` */
  async result(id: string, options?: CallOptions): Promise<ExecutionResult> {
    const path = `${executionPath(id)}/result`;
    return this.#transport.json({ method: 'GET', path }, executionResult, options);
  }

  /** The output so far. */
  async logs(id: string, options?: CallOptions): Promise<ExecutionLogs> {
    const path = `${executionPath(id)}/logs`;
    return this.#transport.json({ method: 'GET', path }, executionLogs, options);
  }

  /** All events from the first on, live or replayed; the last is `finished`. Each answer has the default deadline. */
  follow(id: string, options?: Pick<CallOptions, 'signal'>): AsyncGenerator<ExecutionEvent> {
    executionPath(id);
    return followExecution(this.#transport, executionId.parse(id), options?.signal);
  }

  /** Cancels an execution; one that has ended stays as it is. Returns what came of it. */
  async cancel(id: string, options?: CallOptions): Promise<ExecutionResult> {
    const path = `${executionPath(id)}/cancel`;
    return this.#transport.json({ method: 'POST', path }, executionResult, options);
  }
}
