export * from './api/audit.ts';
export * from './api/common.ts';
export * from './api/events.ts';
export * from './api/executions.ts';
export * from './api/files.ts';
export * from './api/health.ts';
export * from './api/sessions.ts';
export * from './assert-never.ts';
export * from './errors.ts';
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
} from './execution-state.ts';
export * from './file-names.ts';
export * from './ids.ts';
export * from './isolation.ts';
export * from './json.ts';
export * from './json-member.ts';
export * from './json-scanner.ts';
export * from './json-text.ts';
export * from './languages.ts';
export * from './ports/agent.ts';
export * from './ports/cancellation.ts';
export * from './ports/data-plane.ts';
export * from './ports/processes.ts';
export * from './ports/step-outcome.ts';
export * from './problem.ts';
export * from './quantities.ts';
export * from './roles.ts';
export * from './session-state.ts';
export * from './workspace-path.ts';
