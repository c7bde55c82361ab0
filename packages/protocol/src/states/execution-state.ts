import { assertNever } from '../assert-never.ts';

export const EXECUTION_STATUSES = [
  'queued',
  'running',
  'succeeded',
  'failed',
  'timed_out',
  'cancelled',
] as const;
export type ExecutionStatus = (typeof EXECUTION_STATUSES)[number];

/** Why an execution did not succeed. */
export const EXECUTION_REASONS = [
  /** The code raised an uncaught exception, or returned a value that is not JSON. */
  'exception',
  /** The code exited with a code other than 0. */
  'exit_code',
  /** The code reached its deadline. */
  'timeout',
  /** The sandbox reached its memory limit and the kernel process was killed. */
  'out_of_memory',
  /** The kernel process was killed by a signal, or closed its connection. */
  'kernel_crashed',
  /** The caller cancelled it, or disconnected while waiting for it. */
  'cancelled',
  /** Its session was terminated. */
  'session_terminated',
  /** The server was shut down. */
  'shutdown',
  /** The sandbox, or the server that ran it, was lost. */
  'sandbox_lost',
  /** No sandbox could be created for it. */
  'sandbox_unavailable',
  /** The server had no capacity for it in time. */
  'insufficient_capacity',
] as const;
export type ExecutionReason = (typeof EXECUTION_REASONS)[number];

/** Why a `queued` or `running` execution was ended from outside. */
export type CancelReason = 'cancelled' | 'session_terminated' | 'shutdown';

/** Why an execution had no sandbox, or lost it. */
export type PlacementFailure = 'sandbox_lost' | 'sandbox_unavailable' | 'insufficient_capacity';

export type FailureReason = Exclude<ExecutionReason, CancelReason | 'timeout'>;

export type ExecutionState = { readonly status: 'queued' | 'running'; readonly reason: null } | ExecutionEnd;

/** How an execution ended. A `StepOutcome` is one, with more detail. */
export type ExecutionEnd =
  | { readonly status: 'succeeded'; readonly reason: null }
  | { readonly status: 'failed'; readonly reason: FailureReason }
  | { readonly status: 'timed_out'; readonly reason: 'timeout' }
  | { readonly status: 'cancelled'; readonly reason: CancelReason };

export const QUEUED = { status: 'queued', reason: null } as const satisfies ExecutionState;
export const RUNNING = { status: 'running', reason: null } as const satisfies ExecutionState;

export function isFinished(status: ExecutionStatus): boolean {
  return status !== 'queued' && status !== 'running';
}

/**
 * Whether an execution in `state` can change to `next`. A finished one never changes, and only a running one can succeed, fail on
 * its own or time out.
 */
export function canBecome(state: ExecutionState, next: typeof RUNNING | ExecutionEnd): boolean {
  if (isFinished(state.status)) return false;
  const running = state.status === 'running';
  switch (next.status) {
    case 'running':
      return !running;
    case 'succeeded':
    case 'timed_out':
      return running;
    case 'failed':
      // A queued one can only fail for lack of a sandbox.
      return running || next.reason === 'sandbox_lost' || next.reason === 'sandbox_unavailable';
    case 'cancelled':
      return true;
    default:
      return assertNever(next);
  }
}
