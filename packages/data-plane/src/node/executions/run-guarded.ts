import { CaissonError, isCaissonError } from '@caisson/protocol/api';
import {
  cancelReason,
  Cancellation,
  NOT_RUN,
  stoppedOutcome,
  unplacedOutcome,
} from '@caisson/protocol/ports';
import type { Placement, StepOutcome } from '@caisson/protocol/ports';
import type { JobOutcome } from '../../sandboxes/sandbox-plane.ts';

/** How long a sandbox may take to report the outcome after an abort. */
const ABORT_GRACE_MS = 10_000;

export interface GuardedOutcome {
  readonly outcome: StepOutcome;
  readonly placement: Placement | null;
  /** The error to log, if the platform and not the code failed. */
  readonly cause: unknown;
}

/**
 * Outcome of `run`; never throws. The sandbox enforces the deadline of its steps itself. If it does not answer within `graceMs`
 * after the deadline, the run is abandoned, so that nothing stays `running` forever.
 */
export async function runGuarded(
  run: (signal: AbortSignal) => Promise<JobOutcome>,
  controller: AbortController,
  { timeoutMs, graceMs }: { readonly timeoutMs: number; readonly graceMs: number },
): Promise<GuardedOutcome> {
  const { signal } = controller;
  const unanswered = Promise.withResolvers<never>();
  let overdue: Cancellation | undefined;
  let abortTimer: NodeJS.Timeout | undefined;
  const deadline = setTimeout(() => {
    overdue = new Cancellation('cancelled');
    controller.abort(overdue);
  }, timeoutMs + graceMs).unref();
  const onAbort = () => {
    abortTimer ??= setTimeout(() => {
      unanswered.reject(new CaissonError('sandbox_unavailable', { problem: 'the sandbox does not answer' }));
    }, ABORT_GRACE_MS).unref();
  };
  signal.addEventListener('abort', onAbort, { once: true });
  try {
    const { outcome, placement } = await Promise.race([run(signal), unanswered.promise]);
    const late = overdue !== undefined && signal.reason === overdue && outcome.status === 'cancelled';
    return { outcome: late ? stoppedOutcome('timeout', outcome) : outcome, placement, cause: undefined };
  } catch (error) {
    return failed(error, signal);
  } finally {
    clearTimeout(deadline);
    clearTimeout(abortTimer);
    signal.removeEventListener('abort', onAbort);
  }
}

function failed(error: unknown, signal: AbortSignal): GuardedOutcome {
  // The loss of a sandbox also cancels its steps, so the loss takes precedence over the cancel.
  const unplaced = isCaissonError(error, 'sandbox_unavailable') || isCaissonError(error, 'sandbox_lost');
  if (signal.aborted && !unplaced) {
    return { outcome: stoppedOutcome(cancelReason(signal), NOT_RUN), placement: null, cause: undefined };
  }
  return { outcome: unplacedOutcome(error), placement: null, cause: error };
}
