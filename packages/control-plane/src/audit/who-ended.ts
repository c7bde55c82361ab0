import { assertNever, SYSTEM } from '@caisson/protocol/api';
import type { ExecutionReason } from '@caisson/protocol/api';
import type { Actor } from './audit-record.ts';

/** Who ended an execution, for the audit trail: the submitter of the code, the caller that cancelled it, or the server. */
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
