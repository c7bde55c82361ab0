import { problemSchema } from '@caisson/protocol/api';
import type { z } from 'zod';
import { ApiError, errorOfProblem } from '../api-error.ts';
import { readJson } from './read-body.ts';

/** A result has up to 1 MiB of each stream and 4 MiB of rich results, and JSON may need six characters for one. */
export const MAX_ANSWER_BYTES = 64 * 2 ** 20;
const MAX_PROBLEM_BYTES = 2 ** 20;
/** A new session waits for its sandbox. */
const DEFAULT_TIMEOUT_MS = 90_000;

export interface ClientOptions {
  /** Where the server is, such as `http://127.0.0.1:8000`; with a path where a proxy puts it below one. */
  readonly url: string | URL;
  /** Without it only the health can be read. */
  readonly apiKey?: string | undefined;
  /** Default deadline of a call, in milliseconds; 90 seconds, since a new session waits for its sandbox. */
  readonly timeoutMs?: number | undefined;
  /** Instead of the global `fetch`. */
  readonly fetch?: typeof globalThis.fetch | undefined;
}

export interface CallOptions {
  /** Aborts the call. */
  readonly signal?: AbortSignal | undefined;
  /** Deadline of the answer, in milliseconds. For a stream it is that of its beginning. */
  readonly timeoutMs?: number | undefined;
}

/** Options of what must not happen twice. */
export interface SubmitOptions extends CallOptions {
  /** Calls with the same key are made once: 1 to 255 visible ASCII characters. */
  readonly idempotencyKey?: string | undefined;
}

/** What `fetch` takes as a body, of which streams are read once. */
export type RequestBody = string | Uint8Array | Blob | ReadableStream<Uint8Array>;

export interface ApiRequest {
  readonly method: 'GET' | 'POST' | 'PUT' | 'DELETE';
  /** Begins with a slash. */
  readonly path: string;
  /** Sent as JSON. */
  readonly json?: unknown;
  /** Sent as it is; not together with `json`. */
  readonly body?: RequestBody | undefined;
  readonly headers?: Readonly<Record<string, string>> | undefined;
}

/** Sends requests to one server, with its key, each with a deadline. */
export class Transport {
  readonly #base: URL;
  readonly #apiKey: string | undefined;
  readonly #timeoutMs: number;
  readonly #fetch: typeof globalThis.fetch;

  /** @throws TypeError if `url` is not an http or https URL */
  constructor(options: ClientOptions) {
    this.#base = baseOf(options.url);
    this.#apiKey = options.apiKey;
    this.#timeoutMs = options.timeoutMs ?? DEFAULT_TIMEOUT_MS;
    this.#fetch = options.fetch ?? globalThis.fetch.bind(globalThis);
  }

  /**
   * Sends a request and returns what `use` makes of the answer. The deadline ends with `use`: a body that it passes on is
   * read without one, and is still aborted by the caller's signal.
   * @throws ApiError if the server refuses the request, cannot be reached or is late
   */
  async call<Result>(
    request: ApiRequest,
    options: CallOptions | undefined,
    use: (response: Response) => Result | Promise<Result>,
  ): Promise<Result> {
    const { signal, timeoutMs = this.#timeoutMs } = options ?? {};
    const deadline = new AbortController();
    const timer = setTimeout(() => {
      deadline.abort();
    }, timeoutMs);
    try {
      const signals = signal === undefined ? [deadline.signal] : [signal, deadline.signal];
      const response = await this.#send(request, AbortSignal.any(signals));
      return await use(response);
    } catch (error) {
      signal?.throwIfAborted();
      if (deadline.signal.aborted) {
        const message = `the server did not answer within ${timeoutMs / 1000} seconds`;
        throw new ApiError('deadline_exceeded', message, { cause: error });
      }
      if (error instanceof ApiError) throw error;
      throw new ApiError('connection_failed', `cannot reach ${this.#base.origin}: ${whyUnreachable(error)}`, {
        cause: error,
      });
    } finally {
      clearTimeout(timer);
    }
  }

  /** The answer, parsed by `schema`. @throws ApiError as `call`, and `unexpected_response` */
  async json<Schema extends z.ZodType>(
    request: ApiRequest,
    schema: Schema,
    options?: CallOptions,
  ): Promise<z.output<Schema>> {
    const answer = await this.call(request, options, (response) => readJson(response, MAX_ANSWER_BYTES));
    const parsed = schema.safeParse(answer);
    if (parsed.success) return parsed.data;
    const message = 'the server gave an answer that this version does not understand';
    throw new ApiError('unexpected_response', message, { cause: parsed.error });
  }

  /** For answers without a body. @throws ApiError as `call` */
  async empty(request: ApiRequest, options?: CallOptions): Promise<void> {
    await this.call(request, options, (response) => response.body?.cancel());
  }

  async #send({ method, path, json, body, headers }: ApiRequest, signal: AbortSignal): Promise<Response> {
    const init: RequestInit & { duplex?: 'half' } = {
      method,
      headers: new Headers(headers),
      // A redirect would carry the key to wherever it points.
      redirect: 'error',
      signal,
    };
    const sent = init.headers as Headers;
    if (this.#apiKey !== undefined) sent.set('authorization', `Bearer ${this.#apiKey}`);
    if (json !== undefined) {
      sent.set('content-type', 'application/json');
      init.body = JSON.stringify(json);
    } else if (body !== undefined) {
      // The types of `fetch` leave out memory that threads share.
      init.body = body as Exclude<RequestBody, Uint8Array> | Uint8Array<ArrayBuffer>;
      if (body instanceof ReadableStream) init.duplex = 'half';
    }
    const response = await this.#fetch(new URL(`.${path}`, this.#base), init);
    if (!response.ok) throw await refusalOf(response);
    return response;
  }
}

/** Ends with a slash, so that paths can be resolved against it. */
function baseOf(url: string | URL): URL {
  const base = new URL(url);
  if (base.protocol !== 'http:' && base.protocol !== 'https:') {
    throw new TypeError(`"${base.href}" is not an http or https URL`);
  }
  base.search = '';
  base.hash = '';
  if (!base.pathname.endsWith('/')) base.pathname += '/';
  return base;
}

async function refusalOf(response: Response): Promise<ApiError> {
  const { status } = response;
  const body = await readJson(response, MAX_PROBLEM_BYTES).catch((error: unknown) => {
    if (error instanceof ApiError) return undefined;
    throw error;
  });
  const problem = problemSchema.safeParse(body);
  if (problem.success) return errorOfProblem(problem.data, response.headers);
  return new ApiError('unexpected_response', `the server answered ${status}; is it Caisson?`, { status });
}

function whyUnreachable(error: unknown): string {
  const cause: unknown = error instanceof Error ? (error.cause ?? error) : error;
  if (cause instanceof Error && 'code' in cause && cause.code === 'ECONNREFUSED') {
    return 'nothing listens there';
  }
  return cause instanceof Error && cause.message !== '' ? cause.message : 'the connection failed';
}
