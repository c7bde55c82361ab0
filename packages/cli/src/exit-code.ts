import type { ExecutionResult } from '@caisson/protocol/api';
import type { InterruptSignal } from './context.ts';

/** The exit code of coreutils' `timeout`. */
const TIMED_OUT = 124;
/** A shell's exit code for a program that Ctrl-C ended. */
const CANCELLED = 130;

/** The server hit an internal error: EX_SOFTWARE of sysexits(3). */
export const INTERNAL_ERROR = 70;
/** The host no longer provides what sandboxes need: EX_OSERR of sysexits(3). */
export const HOST_FAILURE = 71;

/** The exit code for an execution: that of the code if it has one. */
export function exitCodeOf({
  status,
  exit_code: exitCode,
}: Pick<ExecutionResult, 'status' | 'exit_code'>): number {
  switch (status) {
    case 'succeeded':
      return 0;
    case 'timed_out':
      return TIMED_OUT;
    case 'cancelled':
      return CANCELLED;
    case 'failed':
    case 'queued':
    case 'running':
    default:
      // A failure must not look like a success, whatever the exit code of the code.
      return exitCode === null || exitCode % 256 === 0 ? 1 : exitCode & 0xff;
  }
}

/** A shell's exit code for a program that the signal ended. */
export function exitCodeOfSignal(signal: InterruptSignal): number {
  return { SIGHUP: 129, SIGINT: 130, SIGTERM: 143 }[signal];
}
