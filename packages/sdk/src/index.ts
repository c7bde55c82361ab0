export { ApiError, type ApiErrorCode, type ClientErrorCode } from './api-error.ts';
export { CaissonClient } from './client.ts';
export type { ExecutionStream } from './events/execution-stream.ts';
export type { CallOptions, ClientOptions, SubmitOptions } from './http/transport.ts';
export type {
  ExecutionListing,
  ExecutionLogs,
  Executions,
  ExecutionStatusView,
} from './resources/executions.ts';
export type { Download, FileBody, FileEntry, FileListing, Files } from './resources/files.ts';
export type { JobInput, Jobs } from './resources/jobs.ts';
export type { Page, PageQuery } from './resources/pages.ts';
export type { SessionInput, SessionListing, Sessions, StepInput } from './resources/sessions.ts';
