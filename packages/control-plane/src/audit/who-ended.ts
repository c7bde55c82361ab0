import { assertNever, SYSTEM } from '@caisson/protocol/api';
import type { ExecutionReason } from '@caisson/protocol/api';
import type { Actor } from './audit-record.ts';

/** To whom the end of an execution is put down: who sent the code, who ended it from outside, or the server itself. */
export function whoEnded(
  reason: ExecutionReason | null,
  submitter: Actor | null,
  canceller: Actor | undefined,
): Actor {
  switch (reason) {
    case null:
    case 'exception':
    case 'exit_code':
    case 'out_of_memory':
    case 'kernel_crashed':
      return submitter ?? SYSTEM;
    case 'cancelled':
    case 'session_terminated':
    case 'shutdown':
      return canceller ?? SYSTEM;
    case 'timeout':
    case 'sandbox_lost':
    case 'sandbox_unavailable':
    case 'insufficient_capacity':
      return SYSTEM;
    default:
      return assertNever(reason);
  }
}
