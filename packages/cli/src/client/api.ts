import {
  type createSessionRequest,
  type ExecutionId,
  type executeRequest,
  type jobRequest,
  type Session,
  session,
  sessionId,
  sessionList,
  type SessionStatus,
} from '@caisson/protocol/api';
import type { z } from 'zod';
import { CliFailure } from '../failure.ts';
import { type ExecutionStream, startExecution } from './execution-stream.ts';
import { type ApiRequest, readJson, send, type Target } from './http.ts';

/** Creating a session waits for its sandbox. */
const ANSWER_TIMEOUT_MS = 90_000;

/** The endpoints that the command uses. All throw `CliFailure` with the server's own words where it refuses. */
export class ApiClient {
  readonly #target: Target;

  constructor(target: Target) {
    this.#target = target;
  }

  async runJob(body: z.input<typeof jobRequest>, signal: AbortSignal): Promise<ExecutionStream> {
    return startExecution(this.#target, { method: 'POST', path: '/api/v1/jobs', body }, signal);
  }

  async runStep(
    id: string,
    body: z.input<typeof executeRequest>,
    signal: AbortSignal,
  ): Promise<ExecutionStream> {
    const path = `${sessionPath(id)}/execute`;
    return startExecution(this.#target, { method: 'POST', path, body }, signal);
  }

  async cancel(id: ExecutionId): Promise<void> {
    const response = await this.#send({ method: 'POST', path: `/api/v1/executions/${id}/cancel` });
    await response.body?.cancel();
  }

  async createSession(body: z.input<typeof createSessionRequest>): Promise<Session> {
    return this.#json({ method: 'POST', path: '/api/v1/sessions', body }, session);
  }

  async listSessions(query: { limit: number; status: SessionStatus | undefined }): Promise<Session[]> {
    const search = new URLSearchParams({ limit: String(query.limit) });
    if (query.status !== undefined) search.set('status', query.status);
    const path = `/api/v1/sessions?${search.toString()}`;
    return (await this.#json({ method: 'GET', path }, sessionList)).items;
  }

  async deleteSession(id: string): Promise<void> {
    const response = await this.#send({ method: 'DELETE', path: sessionPath(id) });
    await response.body?.cancel();
  }

  async #json<Schema extends z.ZodType>(request: ApiRequest, schema: Schema): Promise<z.output<Schema>> {
    const parsed = schema.safeParse(await readJson(await this.#send(request)));
    if (parsed.success) return parsed.data;
    throw new CliFailure('the server answered what this version does not understand', {
      cause: parsed.error,
    });
  }

  async #send(request: ApiRequest): Promise<Response> {
    return send(this.#target, request, AbortSignal.timeout(ANSWER_TIMEOUT_MS));
  }
}

/** Checked here, so that an argument can never become another path. */
function sessionPath(id: string): string {
  if (!sessionId.safeParse(id).success) {
    throw new CliFailure(`"${id}" is not the id of a session; "caisson sessions ls" lists them`);
  }
  return `/api/v1/sessions/${id}`;
}
