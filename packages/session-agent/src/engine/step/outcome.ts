import {
  stoppedOutcome,
  type JsonText,
  type ProcessExit,
  type StepFacts,
  type StepOutcome,
} from '@caisson/protocol/ports';
import type { DoneFrame } from '../kernel/kernel-frames.ts';
import type { StopCause } from './step-stop.ts';

/** How a step ended for the kernel. */
export type KernelEnd =
  | DoneFrame
  /** The process exited or was killed. */
  | { readonly type: 'exited'; readonly exit: ProcessExit }
  /** It broke the protocol or closed the control channel, and was killed for it. */
  | { readonly type: 'lost' };

/** What was observed of a step, from which its outcome follows. */
export interface StepObservations {
  readonly end: KernelEnd;
  /** What `handler` returned. */
  readonly returnValue: JsonText | null;
  /** Why it was stopped from outside, if it was. */
  readonly stop: StopCause | undefined;
  /** Whether the kernel ever reported that it was ready. */
  readonly wasReady: boolean;
  /** Whether the kernel was killed because the sandbox exceeded its memory limit. */
  readonly killedForMemory: boolean;
  /** Whether anything in the sandbox was killed for lack of memory. */
  readonly outOfMemory: boolean;
  /** Whether the kernel reported that the heap of its language was exhausted. */
  readonly heapExhausted: boolean;
}

/** Shells and some runtimes report a signal as 128 plus its number. */
const EXIT_CODE_OF_SIGABRT = 134;
const EXIT_CODE_OF_SIGKILL = 137;

/** The outcome of a step for its caller. */
export function outcomeOf(observed: StepObservations, facts: StepFacts): StepOutcome {
  const { end, stop, killedForMemory } = observed;
  // `killedForMemory` is set only if memory ran out before the stop: the first cause counts.
  if (stop !== undefined)
    return killedForMemory ? crashed('out_of_memory', facts) : stoppedOutcome(stop, facts);
  if (end.type === 'done') return outcomeOfCode(end, observed.returnValue, facts);
  if (diedOfMemory(observed)) return crashed('out_of_memory', facts);
  if (end.type === 'lost' || !observed.wasReady || end.exit.exitCode === null)
    return crashed('kernel_crashed', facts);
  return outcomeOfExit(end.exit.exitCode, null, facts);
}

function outcomeOfCode(
  { exitCode, error }: DoneFrame,
  returnValue: JsonText | null,
  facts: StepFacts,
): StepOutcome {
  return error === null
    ? outcomeOfExit(exitCode, returnValue, facts)
    : { status: 'failed', reason: 'exception', exitCode, error, ...facts };
}

function outcomeOfExit(exitCode: number, returnValue: JsonText | null, facts: StepFacts): StepOutcome {
  return exitCode === 0
    ? { status: 'succeeded', reason: null, exitCode: 0, returnValue, ...facts }
    : { status: 'failed', reason: 'exit_code', exitCode, ...facts };
}

function diedOfMemory({ end, killedForMemory, outOfMemory, heapExhausted }: StepObservations): boolean {
  if (killedForMemory) return true;
  if (end.type !== 'exited') return outOfMemory;
  const { exitCode, signal } = end.exit;
  const killed = signal === 'SIGKILL' || exitCode === EXIT_CODE_OF_SIGKILL;
  const aborted = signal === 'SIGABRT' || exitCode === EXIT_CODE_OF_SIGABRT;
  return (outOfMemory && (killed || exitCode === null)) || (heapExhausted && aborted);
}

function crashed(reason: 'out_of_memory' | 'kernel_crashed', facts: StepFacts): StepOutcome {
  return { status: 'failed', reason, ...facts };
}
