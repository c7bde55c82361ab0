import type { ErrorCode, FieldProblem, Problem } from '@caisson/protocol/api';

/** Failures that no server told of. */
export type ClientErrorCode =
  /** The server could not be reached, or the connection broke before the answer was complete. */
  | 'connection_failed'
  /** A stream broke and could not be resumed. */
  | 'connection_lost'
  /** The answer did not arrive within `timeoutMs`. */
  | 'deadline_exceeded'
  /** The answer is not one of Caisson's, or of a version that this one does not understand. */
  | 'unexpected_response'
  /** The answer is larger than the limit of the call. */
  | 'response_too_large';

/** Servers that are newer than this SDK may have codes that it does not know. */
export type ApiErrorCode = ErrorCode | ClientErrorCode | (string & {});

interface Details {
  readonly status?: number;
  readonly suggestion?: string | undefined;
  readonly fields?: readonly FieldProblem[] | undefined;
  readonly requestId?: string | undefined;
  readonly retryAfterSeconds?: number | undefined;
  readonly cause?: unknown;
}

/** Why a call failed. Only an abort of the caller's own signal is thrown as it is, as its reason. */
export class ApiError extends Error {
  override readonly name = 'ApiError';
  /** The stable name of the problem, such as `queue_full`. */
  readonly code: ApiErrorCode;
  /** HTTP status; `undefined` where the server did not refuse the call. */
  readonly status: number | undefined;
  /** What to do about it. */
  readonly suggestion: string | undefined;
  /** Each field of the request that was wrong. */
  readonly fields: readonly FieldProblem[];
  /** Under which the server's log has more. */
  readonly requestId: string | undefined;
  /** When the server says to try again. */
  readonly retryAfterSeconds: number | undefined;

  constructor(code: ApiErrorCode, message: string, details: Details = {}) {
    super(message, { cause: details.cause });
    this.code = code;
    this.status = details.status;
    this.suggestion = details.suggestion;
    this.fields = details.fields ?? [];
    this.requestId = details.requestId;
    this.retryAfterSeconds = details.retryAfterSeconds;
  }
}

/** The error that tells of a problem which the server answered with. */
export function errorOfProblem(problem: Problem, headers: Headers): ApiError {
  const retryAfter = headers.get('retry-after') ?? '';
  return new ApiError(problem.code, problem.detail, {
    status: problem.status,
    suggestion: problem.suggestion,
    fields: problem.errors,
    requestId: problem.request_id,
    retryAfterSeconds: /^\d{1,9}$/.test(retryAfter) ? Number(retryAfter) : undefined,
  });
}

/** The error of an argument that the server would refuse, or that would change the path of the request. */
export function invalidArgument(field: string, message: string): ApiError {
  return new ApiError('validation_failed', `${field}: ${message}`, { fields: [{ field, message }] });
}
