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

/** After a run was aborted, how long its sandbox may take to tell how it ended. */
const LAST_WORD_MS = 10_000;

export interface GuardedOutcome {
  readonly outcome: StepOutcome;
  readonly placement: Placement | null;
  /** What the log should tell, where it was no error of the code. */
  readonly cause: unknown;
}

/**
 * How `run` came out; never throws. A sandbox keeps the deadline of its steps itself; should it not answer `graceMs` after it, the
 * run is given up, so that nothing stays `running` for ever.
 */
export async function runGuarded(
  run: (signal: AbortSignal) => Promise<JobOutcome>,
  controller: AbortController,
  { timeoutMs, graceMs }: { readonly timeoutMs: number; readonly graceMs: number },
): Promise<GuardedOutcome> {
  const { signal } = controller;
  const silent = Promise.withResolvers<never>();
  let overdue: Cancellation | undefined;
  let lastWord: NodeJS.Timeout | undefined;
  const deadline = setTimeout(() => {
    overdue = new Cancellation('cancelled');
    controller.abort(overdue);
  }, timeoutMs + graceMs).unref();
  const onAbort = () => {
    lastWord ??= setTimeout(() => {
      silent.reject(new CaissonError('sandbox_unavailable', { problem: 'the sandbox does not answer' }));
    }, LAST_WORD_MS).unref();
  };
  signal.addEventListener('abort', onAbort, { once: true });
  try {
    const { outcome, placement } = await Promise.race([run(signal), silent.promise]);
    const late = overdue !== undefined && signal.reason === overdue && outcome.status === 'cancelled';
    return { outcome: late ? stoppedOutcome('timeout', outcome) : outcome, placement, cause: undefined };
  } catch (error) {
    return failed(error, signal);
  } finally {
    clearTimeout(deadline);
    clearTimeout(lastWord);
    signal.removeEventListener('abort', onAbort);
  }
}

function failed(error: unknown, signal: AbortSignal): GuardedOutcome {
  // A step whose sandbox is lost is ended with its session, too: what happened to it first counts.
  const unplaced = isCaissonError(error, 'sandbox_unavailable') || isCaissonError(error, 'sandbox_lost');
  if (signal.aborted && !unplaced) {
    return { outcome: stoppedOutcome(cancelReason(signal), NOT_RUN), placement: null, cause: undefined };
  }
  return { outcome: unplacedOutcome(error), placement: null, cause: error };
}
