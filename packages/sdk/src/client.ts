import { health } from '@caisson/protocol/api';
import type { z } from 'zod';
import { type CallOptions, type ClientOptions, Transport } from './http/transport.ts';
import { Executions } from './resources/executions.ts';
import { Files } from './resources/files.ts';
import { Jobs } from './resources/jobs.ts';
import { Sessions } from './resources/sessions.ts';

/**
 * A client of one server. It holds no connection: there is nothing to close.
 *
 * All methods throw `ApiError`, and the reason of the caller's signal where that is aborted.
 */
export class CaissonClient {
  readonly jobs: Jobs;
  readonly sessions: Sessions;
  readonly files: Files;
  readonly executions: Executions;
  readonly #transport: Transport;

  /** @throws TypeError if `url` is not an http or https URL */
  constructor(options: ClientOptions) {
    this.#transport = new Transport(options);
    this.executions = new Executions(this.#transport);
    this.jobs = new Jobs(this.#transport, this.executions);
    this.sessions = new Sessions(this.#transport, this.executions);
    this.files = new Files(this.#transport);
  }

  /** Whether the server is up, and its version. */
  async health(options?: CallOptions): Promise<z.output<typeof health>> {
    return this.#transport.json({ method: 'GET', path: '/api/v1/health' }, health, options);
  }
}
