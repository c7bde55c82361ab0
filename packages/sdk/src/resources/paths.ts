import { executionId, parseWorkspacePath, sessionId } from '@caisson/protocol/api';
import { invalidArgument } from '../api-error.ts';

// Ids and paths are checked here, so that none can turn into the path of another endpoint.

/** @throws ApiError `validation_failed` */
export function sessionPath(id: string): string {
  const parsed = sessionId.safeParse(id);
  if (!parsed.success) throw invalidArgument('session_id', `"${id}" is not the id of a session`);
  return `/api/v1/sessions/${parsed.data}`;
}

/** @throws ApiError `validation_failed` */
export function executionPath(id: string): string {
  const parsed = executionId.safeParse(id);
  if (!parsed.success) throw invalidArgument('execution_id', `"${id}" is not the id of an execution`);
  return `/api/v1/executions/${parsed.data}`;
}

/** @param path as the API takes it: relative to `/workspace`, or below it. @throws ApiError `validation_failed` */
export function filePath(session: string, path: string): string {
  const parsed = parseWorkspacePath(path);
  if ('problem' in parsed) throw invalidArgument('path', parsed.problem);
  return `${sessionPath(session)}/files/${parsed.path.split('/').map(encodeURIComponent).join('/')}`;
}
