import {
  Cancellation,
  cancelReason,
  CaissonError,
  isCaissonError,
  NOT_RUN,
  stoppedOutcome,
  unplacedOutcome,
} from '@caisson/protocol';
import type { EventSink, JobOutcome, Placement, StepOutcome, StepRequest } from '@caisson/protocol';

/** Where a step runs: in a fresh place, or in a session's sandbox. */
export type StepRunner = (step: StepRequest, events: EventSink, signal: AbortSignal) => Promise<JobOutcome>;

/** How a run ended, and where it ran. */
export interface Ending {
  readonly outcome: StepOutcome;
  readonly placement: Placement | null;
  /** What the log should tell, where it was no error of the code. */
  readonly cause: unknown;
}

/** After the watch has aborted a run, how long the data plane may take to tell how it ended. */
const LAST_WORD_MS = 10_000;

/**
 * Runs `step` in `place` and tells how it ended; never throws. The data plane keeps the deadline; should it not answer
 * `graceMs` after it, the run is given up, so that nothing stays `running` for ever.
 */
export async function runIn(
  place: StepRunner,
  step: StepRequest,
  events: EventSink,
  controller: AbortController,
  graceMs: number,
): Promise<Ending> {
  const lost = Promise.withResolvers<never>();
  const giveUp = () => {
    lost.reject(new CaissonError('sandbox_unavailable', { problem: 'the data plane does not answer' }));
  };
  let overdue: Cancellation | undefined;
  let watchLastWord: NodeJS.Timeout | undefined;
  const watch = setTimeout(() => {
    overdue = new Cancellation('cancelled');
    controller.abort(overdue);
  }, step.timeoutMs + graceMs).unref();
  const onAbort = () => {
    watchLastWord ??= setTimeout(giveUp, LAST_WORD_MS).unref();
  };
  controller.signal.addEventListener('abort', onAbort, { once: true });
  try {
    const { outcome, placement } = await Promise.race([place(step, events, controller.signal), lost.promise]);
    const isOverdue =
      overdue !== undefined && controller.signal.reason === overdue && outcome.status === 'cancelled';
    const final = isOverdue ? stoppedOutcome('timeout', outcome) : outcome;
    return { outcome: final, placement, cause: undefined };
  } catch (error) {
    return endingOf(error, controller.signal);
  } finally {
    clearTimeout(watch);
    clearTimeout(watchLastWord);
    controller.signal.removeEventListener('abort', onAbort);
  }
}

function endingOf(error: unknown, signal: AbortSignal): Ending {
  // A step whose sandbox is lost is ended with its session, too: what happened to it first counts.
  const placeFailed = isCaissonError(error, 'sandbox_unavailable') || isCaissonError(error, 'sandbox_lost');
  if (signal.aborted && !placeFailed) {
    return { outcome: stoppedOutcome(cancelReason(signal), NOT_RUN), placement: null, cause: undefined };
  }
  return { outcome: unplacedOutcome(error), placement: null, cause: error };
}
