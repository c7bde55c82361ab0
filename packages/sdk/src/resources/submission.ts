import type { ApiRequest, SubmitOptions } from '../http/transport.ts';

/** A request that makes something, and makes it once where it has a key. */
export function submission(path: string, json: unknown, options: SubmitOptions | undefined): ApiRequest {
  const key = options?.idempotencyKey;
  return { method: 'POST', path, json, headers: key === undefined ? {} : { 'idempotency-key': key } };
}

/** The same request, answered as soon as it is accepted. */
export function inBackground(request: ApiRequest): ApiRequest {
  return { ...request, headers: { ...request.headers, prefer: 'respond-async' } };
}
