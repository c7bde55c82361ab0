import { type ExecutionResult, executionStatusView, type jobRequest } from '@caisson/protocol/api';
import type { z } from 'zod';
import { type ExecutionStream, startExecution } from '../events/execution-stream.ts';
import type { ApiRequest, SubmitOptions, Transport } from '../http/transport.ts';
import type { Executions, ExecutionStatusView } from './executions.ts';
import { runToEnd } from './run-to-end.ts';
import { inBackground, submission } from './submission.ts';

export type JobInput = z.input<typeof jobRequest>;

/** Executions in fresh sandboxes that are thrown away. */
export class Jobs {
  readonly #transport: Transport;
  readonly #executions: Executions;

  constructor(transport: Transport, executions: Executions) {
    this.#transport = transport;
    this.#executions = executions;
  }

  /** Runs code to its end. An exception in the code is a result, not an error. An abort cancels the job. */
  async run(job: JobInput, options?: SubmitOptions): Promise<ExecutionResult> {
    return runToEnd(this.#transport, requestFor(job, options), options, (id) => this.#executions.cancel(id));
  }

  /** Starts code and follows its events. An abort ends the following; the job goes on until it is cancelled by its id. */
  async stream(job: JobInput, options?: SubmitOptions): Promise<ExecutionStream> {
    return startExecution(this.#transport, requestFor(job, options), options);
  }

  /** Starts code and returns its id at once; see `executions` for the rest. */
  async start(job: JobInput, options?: SubmitOptions): Promise<ExecutionStatusView> {
    return this.#transport.json(inBackground(requestFor(job, options)), executionStatusView, options);
  }

  /** Cancels a job; one that has ended stays as it is. Returns what came of it. */
  async cancel(id: string, options?: SubmitOptions): Promise<ExecutionResult> {
    return this.#executions.cancel(id, options);
  }
}

function requestFor(job: JobInput, options: SubmitOptions | undefined): ApiRequest {
  return submission('/api/v1/jobs', job, options);
}
