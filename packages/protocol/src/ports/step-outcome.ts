import { CaissonError, isCaissonError } from '../errors.ts';
import type { CancelReason, PlacementFailure } from '../states/execution-state.ts';
import type { JsonText } from '../json/json-text.ts';

/**
 * How a step or job ended, as returned by the session agent, passed on by the data plane and recorded by the control plane. Plain
 * data: JSON encodes it without loss. Each is also an `ExecutionState`.
 */
export type StepOutcome = SucceededStep | FailedStep | TimedOutStep | CancelledStep;

export interface SucceededStep extends StepFacts {
  readonly status: 'succeeded';
  readonly reason: null;
  readonly exitCode: 0;
  /** What `handler` returned; `null` if there is no handler. */
  readonly returnValue: JsonText | null;
}

export type FailedStep = RaisedStep | ExitedStep | CrashedStep | UnplacedStep;

/** The code raised an uncaught exception. */
export interface RaisedStep extends StepFacts {
  readonly status: 'failed';
  readonly reason: 'exception';
  readonly exitCode: number;
  readonly error: CodeError;
}

/** The code exited with a code other than 0. */
export interface ExitedStep extends StepFacts {
  readonly status: 'failed';
  readonly reason: 'exit_code';
  readonly exitCode: number;
}

/** The kernel was killed or died. */
export interface CrashedStep extends StepFacts {
  readonly status: 'failed';
  readonly reason: 'out_of_memory' | 'kernel_crashed';
}

/** No sandbox could be created, or it was lost before the step ended. */
export interface UnplacedStep extends StepFacts {
  readonly status: 'failed';
  readonly reason: PlacementFailure;
  /** `name` is a code of the error catalogue. */
  readonly error: CodeError;
}

export interface TimedOutStep extends StepFacts {
  readonly status: 'timed_out';
  readonly reason: 'timeout';
}

export interface CancelledStep extends StepFacts {
  readonly status: 'cancelled';
  readonly reason: CancelReason;
}

/** Fields of every outcome. */
export interface StepFacts {
  /** Whether output or values were dropped at their limits. */
  readonly truncated: boolean;
  /** Whether the state of the session was lost before or during the step. */
  readonly kernelRestarted: boolean;
  /** `null` if no agent measured it. */
  readonly usage: StepUsage | null;
}

export interface StepUsage {
  readonly durationMs: number;
  /** CPU time of the whole sandbox during the step. */
  readonly cpuMs: number;
  /** Peak memory of the whole sandbox during the step, including files in memory; `null` if it cannot be read. */
  readonly peakMemoryBytes: number | null;
}

export interface CodeError {
  readonly name: string;
  readonly message: string;
  /** The caller's own frames, innermost last, as the language prints them. */
  readonly traceback: readonly string[];
}

/** Facts of a step that no agent ran. */
export const NOT_RUN: StepFacts = { truncated: false, kernelRestarted: false, usage: null };

/** Outcome of a step that was stopped from outside. */
export function stoppedOutcome(cause: CancelReason | 'timeout', facts: StepFacts): StepOutcome {
  const { truncated, kernelRestarted, usage } = facts;
  return cause === 'timeout'
    ? { status: 'timed_out', reason: cause, truncated, kernelRestarted, usage }
    : { status: 'cancelled', reason: cause, truncated, kernelRestarted, usage };
}

/** Outcome of a step that has no sandbox because of `error`. Messages of errors outside the catalogue are not passed on. */
export function unplacedOutcome(error: unknown): UnplacedStep {
  const reason = placementFailure(error);
  const known = error instanceof CaissonError ? (error as CaissonError) : undefined;
  return {
    ...NOT_RUN,
    status: 'failed',
    reason,
    error: { name: known?.code ?? reason, message: known?.message ?? 'the sandbox failed', traceback: [] },
  };
}

function placementFailure(error: unknown): PlacementFailure {
  if (isCaissonError(error, 'sandbox_lost')) return 'sandbox_lost';
  return isCaissonError(error, 'insufficient_capacity') ? 'insufficient_capacity' : 'sandbox_unavailable';
}

/** Exit code of the code, if it has one. */
export function exitCodeOf(outcome: StepOutcome): number | null {
  return 'exitCode' in outcome ? outcome.exitCode : null;
}

export function returnValueOf(outcome: StepOutcome): JsonText | null {
  return outcome.status === 'succeeded' ? outcome.returnValue : null;
}

export function errorOf(outcome: StepOutcome): CodeError | null {
  return 'error' in outcome ? outcome.error : null;
}
