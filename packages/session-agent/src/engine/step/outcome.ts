import {
  stoppedOutcome,
  type JsonText,
  type ProcessExit,
  type StepFacts,
  type StepOutcome,
} from '@caisson/protocol';
import type { DoneFrame } from '../kernel/kernel-frames.ts';
import type { StopCause } from './step-stop.ts';

/** How the kernel came to the end of a step. */
export type KernelEnd =
  | DoneFrame
  /** The process ended by itself, or was killed from anywhere. */
  | { readonly type: 'exited'; readonly exit: ProcessExit }
  /** It broke the protocol or cut the connection, and was killed for it. */
  | { readonly type: 'lost' };

export interface WhatHappened {
  readonly end: KernelEnd;
  /** What `handler` returned. */
  readonly returnValue: JsonText | null;
  /** What came first from outside, if anything. */
  readonly stop: StopCause | undefined;
  /** Whether the kernel had once said that it was ready. */
  readonly wasReady: boolean;
  /** Whether it was killed because the sandbox passed its memory limit. */
  readonly killedForMemory: boolean;
  /** Whether anything in the sandbox was killed for want of memory. */
  readonly outOfMemory: boolean;
  /** Whether the language's own heap limit was the end of it. */
  readonly heapExhausted: boolean;
}

/** What a shell, and some runtimes, report for a process that a signal ended: 128 and the signal's number. */
const EXIT_CODE_OF_SIGABRT = 134;
const EXIT_CODE_OF_SIGKILL = 137;

/** The end of a step as its caller sees it. */
export function outcomeOf(happened: WhatHappened, facts: StepFacts): StepOutcome {
  const { end, stop, killedForMemory } = happened;
  // Memory can run out in the grace that follows a stop; what came first counts.
  if (stop !== undefined)
    return killedForMemory ? crashed('out_of_memory', facts) : stoppedOutcome(stop, facts);
  if (end.type === 'done') return outcomeOfCode(end, happened.returnValue, facts);
  if (diedOfMemory(happened)) return crashed('out_of_memory', facts);
  if (end.type === 'lost' || !happened.wasReady || end.exit.exitCode === null)
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

function diedOfMemory({ end, killedForMemory, outOfMemory, heapExhausted }: WhatHappened): boolean {
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
