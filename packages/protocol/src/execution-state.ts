import { assertNever } from './assert-never.ts';

export const EXECUTION_STATUSES = [
  'queued',
  'running',
  'succeeded',
  'failed',
  'timed_out',
  'cancelled',
] as const;
export type ExecutionStatus = (typeof EXECUTION_STATUSES)[number];

/** How an execution can end other than well. */
export const EXECUTION_REASONS = [
  /** The code raised an exception that nothing caught, or returned what JSON cannot hold. */
  'exception',
  /** The code ended itself with an exit code other than 0. */
  'exit_code',
  /** The deadline came first. */
  'timeout',
  /** The sandbox's memory limit was reached and the kernel process was killed. */
  'out_of_memory',
  /** The kernel process died of a signal, or cut its own connection. */
  'kernel_crashed',
  /** The caller cancelled it, or went away while waiting for it. */
  'cancelled',
  /** Its session was terminated. */
  'session_terminated',
  /** The server was stopped. */
  'shutdown',
  /** The sandbox, or the server that watched it, was lost. */
  'sandbox_lost',
  /** No sandbox could be made for it. */
  'sandbox_unavailable',
  /** The server had no room for it in time. */
  'insufficient_capacity',
] as const;
export type ExecutionReason = (typeof EXECUTION_REASONS)[number];

/** What can end a `queued` or `running` execution from outside. */
export type CancelReason = 'cancelled' | 'session_terminated' | 'shutdown';

export interface ExecutionState {
  readonly status: ExecutionStatus;
  /** `null` until it ends, and when it ends well. */
  readonly reason: ExecutionReason | null;
}

export type ExecutionEvent =
  | { readonly type: 'dispatched' }
  | { readonly type: 'succeeded' }
  | { readonly type: 'failed'; readonly reason: Exclude<ExecutionReason, CancelReason | 'timeout'> }
  | { readonly type: 'timed_out' }
  | { readonly type: 'cancelled'; readonly reason: CancelReason };

export const QUEUED: ExecutionState = { status: 'queued', reason: null };

export function isFinished(status: ExecutionStatus): boolean {
  return status !== 'queued' && status !== 'running';
}

/**
 * The state that follows, or `undefined` where the event cannot happen in `state`: a finished execution never
 * changes again, and only a running one can succeed, fail on its own or time out.
 */
export function nextExecutionState(state: ExecutionState, event: ExecutionEvent): ExecutionState | undefined {
  if (isFinished(state.status)) return undefined;
  const running = state.status === 'running';
  switch (event.type) {
    case 'dispatched':
      return running ? undefined : { status: 'running', reason: null };
    case 'succeeded':
      return running ? { status: 'succeeded', reason: null } : undefined;
    case 'failed':
      // One that waits can only fail because there is no place for it any more.
      return running || event.reason === 'sandbox_lost' || event.reason === 'sandbox_unavailable'
        ? { status: 'failed', reason: event.reason }
        : undefined;
    case 'timed_out':
      return running ? { status: 'timed_out', reason: 'timeout' } : undefined;
    case 'cancelled':
      return { status: 'cancelled', reason: event.reason };
    default:
      return assertNever(event);
  }
}
