import { assertNever, Cancellation, cancelReason, CaissonError, isCaissonError } from '@caisson/protocol';
import type {
  EventSink,
  ExecutionStateEvent,
  JobOutcome,
  Placement,
  StepOutcome,
  StepRequest,
} from '@caisson/protocol';
import type { RecordedOutcome } from '../model/execution-record.ts';

/** Where a step runs: in a fresh place, or in a session's sandbox. */
export type StepRunner = (step: StepRequest, events: EventSink, signal: AbortSignal) => Promise<JobOutcome>;

/** How a run came out, in the words of the record. */
export interface Ending {
  readonly event: ExecutionStateEvent;
  readonly outcome: RecordedOutcome | null;
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
    const event: ExecutionStateEvent =
      overdue !== undefined && controller.signal.reason === overdue && outcome.status === 'cancelled'
        ? { type: 'timed_out' }
        : eventOf(outcome);
    return { event, outcome: recorded(outcome), placement, cause: undefined };
  } catch (error) {
    return failed(error, controller.signal);
  } finally {
    clearTimeout(watch);
    clearTimeout(watchLastWord);
    controller.signal.removeEventListener('abort', onAbort);
  }
}

function recorded(outcome: StepOutcome): RecordedOutcome {
  return {
    exitCode: outcome.exitCode,
    returnValue: outcome.returnValue ?? null,
    error: outcome.error,
    truncated: outcome.truncated,
    kernelRestarted: outcome.kernelRestarted,
    usage: outcome.usage,
  };
}

function eventOf({ status, reason }: StepOutcome): ExecutionStateEvent {
  switch (status) {
    case 'succeeded':
    case 'timed_out':
      return { type: status };
    case 'cancelled':
      return {
        type: status,
        reason: reason === 'shutdown' || reason === 'session_terminated' ? reason : 'cancelled',
      };
    case 'failed':
      switch (reason) {
        case 'exception':
        case 'exit_code':
        case 'out_of_memory':
        case 'kernel_crashed':
        case 'sandbox_lost':
        case 'sandbox_unavailable':
        case 'insufficient_capacity':
          return { type: status, reason };
        case 'timeout':
        case 'cancelled':
        case 'session_terminated':
        case 'shutdown':
        case null:
          return { type: status, reason: 'exception' };
        default:
          return assertNever(reason);
      }
    default:
      return assertNever(status);
  }
}

function reasonOf(error: unknown): 'sandbox_lost' | 'insufficient_capacity' | 'sandbox_unavailable' {
  if (isCaissonError(error, 'sandbox_lost')) return 'sandbox_lost';
  return isCaissonError(error, 'insufficient_capacity') ? 'insufficient_capacity' : 'sandbox_unavailable';
}

function failed(error: unknown, signal: AbortSignal): Ending {
  // A step whose sandbox is lost is ended with its session, too: what happened to it first counts.
  const placeFailed = isCaissonError(error, 'sandbox_unavailable') || isCaissonError(error, 'sandbox_lost');
  if (signal.aborted && !placeFailed) {
    const event = { type: 'cancelled', reason: cancelReason(signal) } as const;
    return { event, outcome: null, placement: null, cause: undefined };
  }
  const reason = reasonOf(error);
  // Only errors of the catalogue are fit for callers; what else goes wrong is for the log.
  const told = error instanceof CaissonError ? (error as CaissonError) : undefined;
  return {
    event: { type: 'failed', reason },
    outcome: {
      exitCode: null,
      returnValue: null,
      error: { name: told?.code ?? reason, message: told?.message ?? 'the sandbox failed', traceback: [] },
      truncated: false,
      kernelRestarted: false,
      usage: null,
    },
    placement: null,
    cause: error,
  };
}
