import { problemSchema } from '@caisson/protocol/api';
import { CliFailure } from '../failure.ts';

/** Results carry up to 1 MiB of each stream and four of rich results, and JSON may need six characters for one. */
export const MAX_ANSWER_BYTES = 64 * 2 ** 20;

export interface Target {
  /** Without a path. */
  readonly url: URL;
  readonly apiKey: string | undefined;
}

export interface ApiRequest {
  readonly method: 'GET' | 'POST' | 'DELETE';
  /** Begins with a slash. */
  readonly path: string;
  readonly body?: unknown;
  readonly headers?: Readonly<Record<string, string>>;
}

/**
 * Sends a request and returns the answer, whose body is still to be read.
 * @throws CliFailure with the server's own words where it refuses, and where it cannot be reached
 */
export async function send(target: Target, request: ApiRequest, signal: AbortSignal): Promise<Response> {
  const { method, path, body, headers } = request;
  const response = await reach(target, signal, new URL(path, target.url), {
    method,
    headers: {
      ...(target.apiKey !== undefined && { authorization: `Bearer ${target.apiKey}` }),
      ...(body !== undefined && { 'content-type': 'application/json' }),
      ...headers,
    },
    ...(body !== undefined && { body: JSON.stringify(body) }),
    // A redirect would carry the key to wherever it points.
    redirect: 'error',
    signal,
  });
  if (!response.ok) throw await refusal(response);
  return response;
}

/** The JSON of an answer. @throws CliFailure if it is none, or too large */
export async function readJson(response: Response): Promise<unknown> {
  const text = await readText(response);
  try {
    return JSON.parse(text) as unknown;
  } catch (error) {
    throw new CliFailure('the server did not answer with JSON; is it Caisson?', { cause: error });
  }
}

async function reach(target: Target, signal: AbortSignal, url: URL, init: RequestInit): Promise<Response> {
  try {
    return await fetch(url, init);
  } catch (error) {
    signal.throwIfAborted();
    throw new CliFailure(`cannot reach ${target.url.origin}: ${whyUnreachable(error)}`, {
      cause: error,
      suggestions: ['Start a server with "caisson serve", or set CAISSON_URL to where one is.'],
    });
  }
}

function whyUnreachable(error: unknown): string {
  const cause: unknown = error instanceof Error ? (error.cause ?? error) : error;
  if (cause instanceof Error && 'code' in cause && cause.code === 'ECONNREFUSED')
    return 'nothing listens there';
  return cause instanceof Error && cause.message !== '' ? cause.message : 'the connection failed';
}

async function refusal(response: Response): Promise<CliFailure> {
  const text = await readText(response).catch(() => '');
  const problem = problemSchema.safeParse(parsed(text));
  if (!problem.success) return new CliFailure(`the server answered ${response.status}; is it Caisson?`);
  const { detail, suggestion } = problem.data;
  return new CliFailure(detail, { suggestions: suggestion === undefined ? [] : [suggestion] });
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

async function readText(response: Response): Promise<string> {
  const decoder = new TextDecoder();
  let text = '';
  let bytes = 0;
  if (response.body === null) return '';
  for await (const chunk of response.body as AsyncIterable<Uint8Array>) {
    bytes += chunk.byteLength;
    if (bytes > MAX_ANSWER_BYTES) throw new CliFailure(`the answer is larger than ${MAX_ANSWER_BYTES} bytes`);
    text += decoder.decode(chunk, { stream: true });
  }
  return text + decoder.decode();
}
