import type { ExecutionResult } from '@caisson/protocol/api';
import type { InterruptSignal } from './context.ts';

/** As `timeout` of coreutils says it. */
const TIMED_OUT = 124;
/** As a shell says it of a program that Ctrl-C ended. */
const CANCELLED = 130;

/** Of a server that met an error which nobody had thought of: EX_SOFTWARE of sysexits(3). */
export const INTERNAL_ERROR = 70;
/** Of a server whose host took away what its sandboxes need: EX_OSERR of sysexits(3). */
export const HOST_FAILURE = 71;

/** The exit code that tells how an execution ended: the code's own where it has one. */
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
      // A failure may not look like a success, whatever the code said.
      return exitCode === null || exitCode % 256 === 0 ? 1 : exitCode & 0xff;
  }
}

/** As a shell says it of a program that the signal ended. */
export function exitCodeOfSignal(signal: InterruptSignal): number {
  return { SIGHUP: 129, SIGINT: 130, SIGTERM: 143 }[signal];
}
