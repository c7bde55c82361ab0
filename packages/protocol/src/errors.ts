/**
 * The one catalogue of errors: code → context → HTTP status, title, detail and suggestion. One code has one cause.
 * The context holds the values that the detail names; never user code, keys or paths of the host.
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

/** One problem with the input: the field, and what it must be. */
export interface FieldProblem {
  /** Path of the field, such as `resources.memory`; `body` for the whole body. */
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
  'Send the header "Authorization: Bearer <key>". On its first start the server wrote a key to <data-dir>/admin.key.';

export const ERROR_KINDS: { readonly [Code in ErrorCode]: ErrorKind<ErrorContexts[Code]> } = {
  malformed_request: {
    status: 400,
    title: 'Malformed request',
    detail: () => 'request: not valid HTTP',
  },
  request_timeout: {
    status: 408,
    title: 'Request timeout',
    detail: () => 'request: did not arrive in time',
  },
  headers_too_large: {
    status: 431,
    title: 'Headers too large',
    detail: () => 'headers: too large',
  },
  malformed_json: {
    status: 400,
    title: 'Malformed JSON',
    detail: ({ problem }) => `body: ${problem}`,
  },
  invalid_utf8: {
    status: 400,
    title: 'Invalid UTF-8',
    detail: ({ field }) => `${field}: contains bytes that are not valid UTF-8`,
    suggestion: () => 'Encode the request as UTF-8; upload binary data as a file.',
  },
  validation_failed: {
    status: 422,
    title: 'Validation failed',
    detail: ({ fields }) => fields.map(({ field, message }) => `${field}: ${message}`).join('; '),
  },
  body_too_large: {
    status: 413,
    title: 'Body too large',
    detail: ({ limitBytes }) => `body: larger than ${limitBytes} bytes`,
    suggestion: () => 'Upload large data as a file: PUT /api/v1/sessions/{id}/files/{path}.',
  },
  unsupported_media_type: {
    status: 415,
    title: 'Unsupported media type',
    detail: ({ contentType, expected }) => `content-type: must be ${expected}, not "${contentType}"`,
  },
  unauthenticated: {
    status: 401,
    title: 'Authentication failed',
    detail: ({ problem }) =>
      ({
        missing: 'authorization: header missing',
        malformed: 'authorization: must be "Bearer <key>"',
        unknown: 'authorization: unknown API key',
      })[problem],
    suggestion: () => KEYS_HINT,
  },
  forbidden: {
    status: 403,
    title: 'Permission denied',
    detail: ({ needs }) => `authorization: requires a key with the role "${needs}"`,
  },
  route_not_found: {
    status: 404,
    title: 'Endpoint not found',
    detail: ({ method, path }) => `path: no endpoint ${method} ${path}`,
    suggestion: () => 'All endpoints are listed at /docs and in /openapi.json.',
  },
  session_not_found: {
    status: 404,
    title: 'Session not found',
    detail: ({ id }) => `session_id: session "${id}" does not exist`,
  },
  execution_not_found: {
    status: 404,
    title: 'Execution not found',
    detail: ({ id }) => `execution_id: execution "${id}" does not exist`,
  },
  file_not_found: {
    status: 404,
    title: 'File not found',
    detail: ({ path }) => `path: "${path}" does not exist in the workspace`,
  },
  not_a_directory: {
    status: 409,
    title: 'Not a directory',
    detail: ({ path }) => `path: "${path}" is not a directory`,
  },
  is_a_directory: {
    status: 409,
    title: 'Is a directory',
    detail: ({ path }) => `path: "${path}" is a directory`,
  },
  not_a_regular_file: {
    status: 409,
    title: 'Not a regular file',
    detail: ({ path }) => `path: "${path}" is a pipe, socket or device`,
  },
  file_busy: {
    status: 409,
    title: 'File busy',
    detail: ({ path }) => `path: a process in the sandbox holds "${path}" or keeps changing it`,
    suggestion: () => 'Try again when that process has ended.',
  },
  path_outside_workspace: {
    status: 422,
    title: 'Path outside the workspace',
    detail: ({ path }) => `path: "${path}" leads out of the workspace through a symbolic link`,
  },
  workspace_full: {
    status: 413,
    title: 'Workspace full',
    detail: ({ path }) => `path: no space left in the workspace for "${path}"`,
    suggestion: () => 'Delete files, or create the session with a larger resources.disk.',
  },
  file_operation_unfinished: {
    status: 409,
    title: 'File operation timed out',
    detail: ({ path, action, seconds }) => `path: could not ${action} "${path}" within ${seconds} seconds`,
    suggestion: ({ action }) =>
      action === 'delete'
        ? 'Part of it has been deleted. Send the request again to delete the rest.'
        : 'Try again with fewer entries in the directory, or fewer file operations at once.',
  },
  file_operations_limit_reached: {
    status: 429,
    title: 'Too many file operations',
    detail: ({ limit }) => `files: ${limit} file operations are already waiting`,
    suggestion: ({ retryAfterSeconds }) => `Try again in ${retryAfterSeconds} seconds.`,
  },
  file_transfers_limit_reached: {
    status: 429,
    title: 'Too many file transfers',
    detail: ({ limit }) => `files: ${limit} uploads and downloads are already in progress`,
    suggestion: ({ retryAfterSeconds }) =>
      `Try again in ${retryAfterSeconds} seconds, when some have finished.`,
  },
  template_not_found: {
    status: 422,
    title: 'Template not found',
    detail: ({ id, known }) => `template_id: template "${id}" does not exist; available: ${known.join(', ')}`,
  },
  language_not_in_template: {
    status: 422,
    title: 'Language not in template',
    detail: ({ language, template, known }) =>
      `language: "${language}" is not in template "${template}"; available: ${known.join(', ')}`,
  },
  isolation_unavailable: {
    status: 422,
    title: 'Isolation not available',
    detail: ({ isolation, available }) =>
      `isolation: "${isolation}" is not supported on this server; available: ${available.join(', ')}`,
    suggestion: () => 'Run "caisson doctor" on the host to see what each runtime lacks.',
  },
  pause_unavailable: {
    status: 422,
    title: 'This isolation cannot pause sessions',
    detail: ({ isolation }) => `session_id: sessions with the isolation "${isolation}" cannot be paused`,
    suggestion: () => 'Let the session run, or create one with another isolation.',
  },
  session_not_running: {
    status: 409,
    title: 'Session not running',
    detail: ({ id, status }) => `session_id: session "${id}" is ${status}`,
  },
  session_state_conflict: {
    status: 409,
    title: 'Session state conflict',
    detail: ({ id, status, action }) => `session_id: session "${id}" is ${status} and cannot ${action}`,
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
    title: 'Session lifetime exceeded',
    detail: ({ id, maximumSeconds }) =>
      `timeout: session "${id}" can live for at most ${maximumSeconds} seconds from its creation`,
  },
  session_limit_reached: {
    status: 429,
    title: 'Session limit reached',
    detail: ({ limit }) => `sessions: limit of ${limit} live sessions reached`,
    suggestion: () => 'Terminate sessions that are no longer needed.',
  },
  execution_not_finished: {
    status: 409,
    title: 'Execution not finished',
    detail: ({ id, status }) => `execution_id: execution "${id}" is ${status}`,
    suggestion: () => 'Poll GET /api/v1/executions/{id}/status, or read /logs as server-sent events.',
  },
  output_expired: {
    status: 410,
    title: 'Output expired',
    detail: ({ id }) =>
      `execution_id: output of execution "${id}" was removed to keep its tenant within the output limit`,
    suggestion: () =>
      'Its status is still available at GET /api/v1/executions/{id}/status and in the list of executions.',
  },
  idempotency_key_reused: {
    status: 422,
    title: 'Idempotency key reused',
    detail: ({ key }) => `idempotency-key: "${key}" was already used for a different request`,
  },
  queue_full: {
    status: 429,
    title: 'Queue full',
    detail: ({ limit }) => `queue: ${limit} executions are already waiting`,
    suggestion: ({ retryAfterSeconds }) => `Try again in ${retryAfterSeconds} seconds.`,
  },
  parse_share_exceeded: {
    status: 429,
    title: 'Parsing limit reached',
    detail: () => "body: parsing the tenant's large bodies takes more than its share of the server's time",
    suggestion: ({ retryAfterSeconds }) =>
      `Try again in ${retryAfterSeconds} seconds, or upload large data as a file.`,
  },
  too_many_readers: {
    status: 429,
    title: 'Too many event streams',
    detail: ({ limit }) => `events: ${limit} event streams are already open`,
    suggestion: ({ retryAfterSeconds }) =>
      `Close streams that are no longer needed, or try again in ${retryAfterSeconds} seconds.`,
  },
  insufficient_capacity: {
    status: 503,
    title: 'Insufficient capacity',
    detail: ({ resource }) =>
      `resources: no room for another sandbox of this size at the moment: not enough ${resource}`,
    suggestion: ({ retryAfterSeconds }) =>
      `Try again in ${retryAfterSeconds} seconds, request less, or terminate sessions that are no longer needed.`,
  },
  sandbox_unavailable: {
    status: 503,
    title: 'Sandbox unavailable',
    detail: ({ problem }) => `sandbox: ${problem}`,
    suggestion: () => 'Run "caisson doctor" on the host to see what each runtime lacks.',
  },
  sandbox_state_conflict: {
    status: 409,
    title: 'The sandbox is in another state',
    detail: ({ id, state, action }) => `sandbox: ${id} is ${state}, and so cannot ${action}`,
  },
  sandbox_lost: {
    status: 409,
    title: 'Sandbox lost',
    detail: ({ id }) => `session_id: the sandbox of session "${id}" is gone`,
  },
  shutting_down: {
    status: 503,
    title: 'Server shutting down',
    detail: () => 'server: shutting down; no new work is accepted',
  },
  storage_unavailable: {
    status: 503,
    title: 'Storage unavailable',
    detail: () => 'storage: not writable; the disk is full or has failed',
    suggestion: () =>
      'Try again later. Executions and sessions that end in the meantime are reported as ended once that is recorded.',
  },
  internal: {
    status: 500,
    title: 'Internal server error',
    detail: ({ requestId }) => `server: the log has the cause under request id ${requestId}`,
  },
};

/** An error from the catalogue. Boundaries throw it, and the API turns it into a problem. */
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
