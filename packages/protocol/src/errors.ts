/**
 * The one catalogue of errors: code → context → HTTP status, title, detail and suggestion. One code has one cause.
 * The context holds what the detail speaks of; it never holds user code, keys or paths of the host.
 */
export interface ErrorContexts {
  malformed_request: NoContext;
  request_timeout: NoContext;
  headers_too_large: NoContext;
  malformed_json: { problem: string };
  invalid_utf8: { field: string };
  validation_failed: { fields: readonly FieldProblem[] };
  body_too_large: { limitBytes: number };
  unsupported_media_type: { contentType: string; expected: string };
  unauthenticated: { problem: 'missing' | 'malformed' | 'unknown' };
  forbidden: { needs: string };
  route_not_found: { method: string; path: string };
  session_not_found: { id: string };
  execution_not_found: { id: string };
  file_not_found: { path: string };
  not_a_directory: { path: string };
  is_a_directory: { path: string };
  not_a_regular_file: { path: string };
  file_busy: { path: string };
  path_outside_workspace: { path: string };
  workspace_full: { path: string };
  file_operation_unfinished: { path: string; action: 'list' | 'read' | 'delete'; seconds: number };
  file_operations_limit_reached: { limit: number; retryAfterSeconds: number };
  file_transfers_limit_reached: { limit: number; retryAfterSeconds: number };
  template_not_found: { id: string; known: readonly string[] };
  language_not_in_template: { language: string; template: string; known: readonly string[] };
  isolation_unavailable: { isolation: string; available: readonly string[] };
  pause_unavailable: { isolation: string };
  session_not_running: { id: string; status: string };
  session_state_conflict: { id: string; status: string; action: string };
  pause_failed: { retryAfterSeconds: number };
  resume_failed: { retryAfterSeconds: number };
  session_lifetime_exceeded: { id: string; maximumSeconds: number };
  session_limit_reached: { limit: number };
  execution_not_finished: { id: string; status: string };
  idempotency_key_reused: { key: string };
  output_expired: { id: string };
  queue_full: { limit: number; retryAfterSeconds: number };
  parse_share_exceeded: { retryAfterSeconds: number };
  too_many_readers: { limit: number; retryAfterSeconds: number };
  insufficient_capacity: { resource: string; retryAfterSeconds: number };
  sandbox_unavailable: { problem: string };
  sandbox_lost: { id: string };
  sandbox_state_conflict: { id: string; state: string; action: string };
  shutting_down: { retryAfterSeconds: number };
  storage_unavailable: { retryAfterSeconds: number };
  internal: { requestId: string };
}

type NoContext = Readonly<Record<string, never>>;

export type ErrorCode = keyof ErrorContexts;

/** One thing that is wrong with the input: where, what, and what would have been right. */
export interface FieldProblem {
  /** Path of the field, such as `resources.memory`; `body` for the whole. */
  readonly field: string;
  readonly message: string;
}

interface ErrorKind<Context> {
  readonly status: number;
  readonly title: string;
  detail(context: Context): string;
  suggestion?(context: Context): string;
}

const KEYS_HINT =
  'Send the header "Authorization: Bearer <key>"; the first start wrote a key to <data-dir>/admin.key.';

export const ERROR_KINDS: { readonly [Code in ErrorCode]: ErrorKind<ErrorContexts[Code]> } = {
  malformed_request: {
    status: 400,
    title: 'The request is not valid HTTP',
    detail: () => 'request: is not valid HTTP',
  },
  request_timeout: {
    status: 408,
    title: 'The request took too long to arrive',
    detail: () => 'request: did not arrive in time',
  },
  headers_too_large: {
    status: 431,
    title: 'The headers are too large',
    detail: () => 'headers: are too large',
  },
  malformed_json: {
    status: 400,
    title: 'The body is not valid JSON',
    detail: ({ problem }) => `body: ${problem}`,
  },
  invalid_utf8: {
    status: 400,
    title: 'The text is not valid UTF-8',
    detail: ({ field }) => `${field}: contains bytes that are not UTF-8`,
    suggestion: () => 'Encode the request as UTF-8; upload binary data as a file.',
  },
  validation_failed: {
    status: 422,
    title: 'The request is not valid',
    detail: ({ fields }) => fields.map(({ field, message }) => `${field}: ${message}`).join('; '),
  },
  body_too_large: {
    status: 413,
    title: 'The body is too large',
    detail: ({ limitBytes }) => `body: is larger than ${limitBytes} bytes`,
    suggestion: () => 'Upload large data as a file: PUT /api/v1/sessions/{id}/files/{path}.',
  },
  unsupported_media_type: {
    status: 415,
    title: 'The content type is not supported',
    detail: ({ contentType, expected }) => `content-type: is "${contentType}", must be ${expected}`,
  },
  unauthenticated: {
    status: 401,
    title: 'The caller is not authenticated',
    detail: ({ problem }) =>
      ({
        missing: 'authorization: the header is missing',
        malformed: 'authorization: must be "Bearer <key>"',
        unknown: 'authorization: the key is not known',
      })[problem],
    suggestion: () => KEYS_HINT,
  },
  forbidden: {
    status: 403,
    title: 'The caller may not do this',
    detail: ({ needs }) => `authorization: the key lacks the role "${needs}"`,
  },
  route_not_found: {
    status: 404,
    title: 'There is no such endpoint',
    detail: ({ method, path }) => `path: there is no ${method} ${path}`,
    suggestion: () => 'The endpoints are listed at /docs and in /openapi.json.',
  },
  session_not_found: {
    status: 404,
    title: 'There is no such session',
    detail: ({ id }) => `session_id: there is no session "${id}"`,
  },
  execution_not_found: {
    status: 404,
    title: 'There is no such execution',
    detail: ({ id }) => `execution_id: there is no execution "${id}"`,
  },
  file_not_found: {
    status: 404,
    title: 'There is no such file',
    detail: ({ path }) => `path: there is no "${path}" in the workspace`,
  },
  not_a_directory: {
    status: 409,
    title: 'The path is not a directory',
    detail: ({ path }) => `path: "${path}" is not a directory`,
  },
  is_a_directory: {
    status: 409,
    title: 'The path is a directory',
    detail: ({ path }) => `path: "${path}" is a directory`,
  },
  not_a_regular_file: {
    status: 409,
    title: 'The path is not a regular file',
    detail: ({ path }) => `path: "${path}" is a pipe, socket or device`,
  },
  file_busy: {
    status: 409,
    title: 'The file is busy',
    detail: ({ path }) => `path: "${path}" is held or kept changing by a process in the sandbox`,
    suggestion: () => 'Try again when that process has ended.',
  },
  path_outside_workspace: {
    status: 422,
    title: 'The path leads out of the workspace',
    detail: ({ path }) => `path: "${path}" leads out of the workspace through a link`,
  },
  workspace_full: {
    status: 413,
    title: 'The workspace is full',
    detail: ({ path }) => `path: no space is left in the workspace for "${path}"`,
    suggestion: () => 'Delete files, or create the session with a larger resources.disk.',
  },
  file_operation_unfinished: {
    status: 409,
    title: 'The file operation was not finished in time',
    detail: ({ path, action, seconds }) =>
      `path: to ${action} "${path}" takes longer than ${seconds} seconds`,
    suggestion: ({ action }) =>
      action === 'delete'
        ? 'Part of it is deleted. Send the request again: it goes on where it ended.'
        : 'Try again when there are fewer entries in it, or fewer file operations at once.',
  },
  file_operations_limit_reached: {
    status: 429,
    title: 'There are too many file operations',
    detail: ({ limit }) => `files: ${limit} file operations are waiting already`,
    suggestion: ({ retryAfterSeconds }) => `Try again in ${retryAfterSeconds} seconds.`,
  },
  file_transfers_limit_reached: {
    status: 429,
    title: 'There are too many uploads and downloads',
    detail: ({ limit }) => `files: ${limit} uploads and downloads are under way already`,
    suggestion: ({ retryAfterSeconds }) => `Try again in ${retryAfterSeconds} seconds, when some have ended.`,
  },
  template_not_found: {
    status: 422,
    title: 'There is no such template',
    detail: ({ id, known }) => `template_id: there is no template "${id}"; there are ${known.join(', ')}`,
  },
  language_not_in_template: {
    status: 422,
    title: 'The template does not offer this language',
    detail: ({ language, template, known }) =>
      `language: the template "${template}" does not offer "${language}"; it offers ${known.join(', ')}`,
  },
  isolation_unavailable: {
    status: 422,
    title: 'This isolation is not available here',
    detail: ({ isolation, available }) =>
      `isolation: "${isolation}" is not available; there is ${available.join(', ')}`,
    suggestion: () => '"caisson doctor" says what each runtime lacks on this host.',
  },
  pause_unavailable: {
    status: 422,
    title: 'This isolation cannot pause sessions',
    detail: ({ isolation }) => `session_id: sessions with the isolation "${isolation}" cannot be paused`,
    suggestion: () => 'Let the session run, or create one with another isolation.',
  },
  session_not_running: {
    status: 409,
    title: 'The session is not running',
    detail: ({ id, status }) => `session_id: the session "${id}" is ${status}`,
  },
  session_state_conflict: {
    status: 409,
    title: 'The session is in another state',
    detail: ({ id, status, action }) => `session_id: the session "${id}" is ${status} and cannot ${action}`,
  },
  pause_failed: {
    status: 503,
    title: 'The session could not be paused',
    detail: () => 'session_id: not every process of the session stopped in time; it is running as before',
    suggestion: ({ retryAfterSeconds }) => `Try again in ${retryAfterSeconds} seconds.`,
  },
  resume_failed: {
    status: 503,
    title: 'The session could not be resumed',
    detail: () => 'session_id: the processes of the session did not continue in time; it is still paused',
    suggestion: ({ retryAfterSeconds }) => `Try again in ${retryAfterSeconds} seconds.`,
  },
  session_lifetime_exceeded: {
    status: 422,
    title: 'The session would live too long',
    detail: ({ id, maximumSeconds }) =>
      `timeout: the session "${id}" may live for ${maximumSeconds} seconds in all, counted from its creation`,
  },
  session_limit_reached: {
    status: 429,
    title: 'There are too many sessions',
    detail: ({ limit }) => `sessions: the limit of ${limit} live sessions is reached`,
    suggestion: () => 'Terminate sessions that are no longer needed.',
  },
  execution_not_finished: {
    status: 409,
    title: 'The execution has not finished',
    detail: ({ id, status }) => `execution_id: the execution "${id}" is ${status}`,
    suggestion: () => 'Poll GET /api/v1/executions/{id}/status, or read /logs as server-sent events.',
  },
  output_expired: {
    status: 410,
    title: 'The output is no longer kept',
    detail: ({ id }) =>
      `execution_id: what the execution "${id}" has made was removed, for its tenant had too much`,
    suggestion: () =>
      'Its status is still at GET /api/v1/executions/{id}/status and in the list of executions.',
  },
  idempotency_key_reused: {
    status: 422,
    title: 'The idempotency key was used for another request',
    detail: ({ key }) => `idempotency-key: "${key}" was used before with another request`,
  },
  queue_full: {
    status: 429,
    title: 'The queue is full',
    detail: ({ limit }) => `queue: ${limit} executions are waiting already`,
    suggestion: ({ retryAfterSeconds }) => `Try again in ${retryAfterSeconds} seconds.`,
  },
  parse_share_exceeded: {
    status: 429,
    title: 'The bodies take too long to parse',
    detail: () => "body: the tenant's large bodies take more than their share of the server's time",
    suggestion: ({ retryAfterSeconds }) =>
      `Try again in ${retryAfterSeconds} seconds, or send large data as a file.`,
  },
  too_many_readers: {
    status: 429,
    title: 'There are too many readers of events',
    detail: ({ limit }) => `events: ${limit} readers follow events already`,
    suggestion: ({ retryAfterSeconds }) =>
      `Close those that are no longer needed, or try again in ${retryAfterSeconds} seconds.`,
  },
  insufficient_capacity: {
    status: 503,
    title: 'The server has no room at the moment',
    detail: ({ resource }) =>
      `resources: there is no room for another sandbox of this size now; ${resource} is short`,
    suggestion: ({ retryAfterSeconds }) =>
      `Try again in ${retryAfterSeconds} seconds, ask for less, or terminate sessions that are no longer needed.`,
  },
  sandbox_unavailable: {
    status: 503,
    title: 'No sandbox could be made',
    detail: ({ problem }) => `sandbox: ${problem}`,
    suggestion: () => '"caisson doctor" says what each runtime lacks on this host.',
  },
  sandbox_state_conflict: {
    status: 409,
    title: 'The sandbox is in another state',
    detail: ({ id, state, action }) => `sandbox: ${id} is ${state}, and so cannot ${action}`,
  },
  sandbox_lost: {
    status: 409,
    title: 'The sandbox is gone',
    detail: ({ id }) => `session_id: the sandbox of the session "${id}" is gone`,
  },
  shutting_down: {
    status: 503,
    title: 'The server is shutting down',
    detail: () => 'server: takes no new work, for it is shutting down',
  },
  storage_unavailable: {
    status: 503,
    title: 'The server cannot write to its storage',
    detail: () => 'storage: cannot be written; the disk is full or broken',
    suggestion: () =>
      'Try again later. An execution or a session that has ended meanwhile is told as ended once that is on record.',
  },
  internal: {
    status: 500,
    title: 'Something went wrong in the server',
    detail: ({ requestId }) => `server: the log has the cause under the request id ${requestId}`,
  },
};

/** An error of the catalogue; what a boundary throws and the API turns into a problem. */
export class CaissonError<Code extends ErrorCode = ErrorCode> extends Error {
  override readonly name = 'CaissonError';
  readonly code: Code;
  readonly context: ErrorContexts[Code];

  constructor(code: Code, context: ErrorContexts[Code], options?: ErrorOptions) {
    super(ERROR_KINDS[code].detail(context), options);
    this.code = code;
    this.context = context;
  }
}

export function isCaissonError<Code extends ErrorCode>(
  error: unknown,
  code: Code,
): error is CaissonError<Code> {
  return error instanceof CaissonError && error.code === code;
}
