/**
 * What callers of the API and its doors share: schemas, ids, states and errors. It runs in browsers too: nothing here may
 * import `node:` modules or use Node's globals.
 */
export * from './api/audit.ts';
export * from './api/common.ts';
export * from './api/events.ts';
export * from './api/executions.ts';
export * from './api/files.ts';
export * from './api/health.ts';
export * from './api/problem.ts';
export * from './api/sessions.ts';
export * from './assert-never.ts';
export * from './errors.ts';
export * from './ids.ts';
export * from './isolation.ts';
export * from './json/json-value.ts';
export * from './languages.ts';
export * from './paths/workspace-path.ts';
export * from './quantities.ts';
export * from './roles.ts';
export {
  canBecome,
  EXECUTION_REASONS,
  EXECUTION_STATUSES,
  isFinished,
  QUEUED,
  RUNNING,
  type CancelReason,
  type ExecutionEnd,
  type ExecutionReason,
  type ExecutionState,
  type ExecutionStatus,
  type FailureReason,
  type PlacementFailure,
} from './states/execution-state.ts';
export * from './states/session-state.ts';
