import { CaissonError, ERROR_KINDS, toProblem } from '@caisson/protocol/api';
import type { ErrorCode } from '@caisson/protocol/api';
import type { FastifyReply, FastifyRequest } from 'fastify';
import { finishReading } from '../requests/unread-body.ts';

export const PROBLEM_TYPE = 'application/problem+json; charset=utf-8';

/** Answers any error as problem details (RFC 9457); errors outside the catalogue are logged and answered as `internal`. */
export function sendProblem(error: unknown, request: FastifyRequest, reply: FastifyReply): FastifyReply {
  const known = asCaissonError(error, request);
  const { status } = ERROR_KINDS[known.code];
  if (known.code === 'internal') request.log.error({ err: error }, 'request failed');
  const { context } = known;
  if ('retryAfterSeconds' in context) void reply.header('retry-after', String(context.retryAfterSeconds));
  if (status === 401) void reply.header('www-authenticate', 'Bearer realm="caisson"');
  finishReading(request, reply);
  return reply
    .code(status)
    .header('x-request-id', request.id)
    .type(PROBLEM_TYPE)
    .serializer(JSON.stringify)
    .send(toProblem<ErrorCode>(known, request.id));
}

function asCaissonError(error: unknown, request: FastifyRequest): CaissonError {
  if (error instanceof CaissonError) return error as CaissonError;
  const { code, statusCode } = codesOf(error);
  const field = (name: string, message: string) =>
    new CaissonError('validation_failed', { fields: [{ field: name, message }] }, { cause: error });
  switch (code) {
    case 'FST_ERR_BAD_URL':
      return badUrl(request.raw.url ?? '', error);
    case 'FST_ERR_MAX_PARAM_LENGTH':
      return field('path', 'is too long');
    case 'FST_ERR_CTP_INVALID_MEDIA_TYPE':
      return new CaissonError(
        'unsupported_media_type',
        {
          contentType: request.headers['content-type'] ?? '',
          expected: 'a media type such as application/json',
        },
        { cause: error },
      );
    case 'FST_ERR_CTP_INVALID_CONTENT_LENGTH':
      return field('content-length', 'differs from the length of the body');
    case 'FST_INVALID_MULTIPART_CONTENT_TYPE':
    case 'FST_NO_FORM_DATA':
      return new CaissonError(
        'unsupported_media_type',
        {
          contentType: request.headers['content-type'] ?? '',
          expected: 'multipart/form-data with a boundary',
        },
        { cause: error },
      );
    case 'FST_PARTS_LIMIT':
    case 'FST_FILES_LIMIT':
    case 'FST_FIELDS_LIMIT':
      return field('body', 'has too many parts');
    case 'FST_INVALID_JSON_FIELD_ERROR':
      return field('body', 'has a part that is not the JSON that its content type promises');
    case 'FST_PROTO_VIOLATION':
      return field('body', 'has a part with a name that is not allowed');
    case 'ECONNRESET':
    case 'ERR_STREAM_PREMATURE_CLOSE':
    case 'FST_MP_PREMATURE_CLOSE':
      return field('body', 'ended early');
    case undefined:
    default:
  }
  // The caller has disconnected: nobody gets this answer, and there is nothing for an operator to look into.
  if (error instanceof Error && error.name === 'AbortError' && request.raw.socket.destroyed) {
    return field('request', 'was given up by the caller');
  }
  if (statusCode >= 400 && statusCode < 500) return field('request', 'is not valid');
  return new CaissonError('internal', { requestId: request.id }, { cause: error });
}

function badUrl(url: string, cause: unknown): CaissonError {
  const path = url.split('?', 1)[0] ?? '';
  if (!/%(?![0-9a-fA-F]{2})/.test(path))
    return new CaissonError('invalid_utf8', { field: 'path' }, { cause });
  const message = 'must not contain a "%" that two hexadecimal digits do not follow';
  return new CaissonError('validation_failed', { fields: [{ field: 'path', message }] }, { cause });
}

function codesOf(error: unknown): { code: string | undefined; statusCode: number } {
  if (typeof error !== 'object' || error === null) return { code: undefined, statusCode: 500 };
  return {
    code: 'code' in error && typeof error.code === 'string' ? error.code : undefined,
    statusCode: 'statusCode' in error && typeof error.statusCode === 'number' ? error.statusCode : 500,
  };
}
