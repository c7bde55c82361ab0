import type { CodeError, ExecutionReason, ExecutionStatus, JsonText } from '@caisson/protocol';
import type { DoneFrame } from '../kernel/kernel-frames.ts';
import type { ProcessExit } from '../ports/spawner.ts';
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
  readonly returnValue: JsonText | undefined;
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

export interface Ending {
  readonly status: Exclude<ExecutionStatus, 'queued' | 'running'>;
  readonly reason: ExecutionReason | null;
  readonly exitCode: number | null;
  readonly returnValue: JsonText | undefined;
  readonly error: CodeError | null;
}

/** What a shell, and some runtimes, report for a process that a signal ended: 128 and the signal's number. */
const EXIT_CODE_OF_SIGABRT = 134;
const EXIT_CODE_OF_SIGKILL = 137;

/** The end of a step as its caller sees it. */
export function endingOf(happened: WhatHappened): Ending {
  const { end, stop } = happened;
  if (stop !== undefined) return endedFromOutside(stop, happened);
  if (end.type === 'done') return endingOfCode(end, happened.returnValue);
  if (diedOfMemory(happened)) return failed('out_of_memory');
  if (end.type === 'lost' || !happened.wasReady || end.exit.exitCode === null)
    return failed('kernel_crashed');
  return endingOfExit(end.exit.exitCode);
}

function endedFromOutside(stop: StopCause, happened: WhatHappened): Ending {
  // Memory can run out in the grace that follows a stop; what came first counts.
  if (happened.killedForMemory) return failed('out_of_memory');
  return stop === 'timeout'
    ? { ...NOTHING, status: 'timed_out', reason: 'timeout' }
    : { ...NOTHING, status: 'cancelled', reason: stop };
}

function endingOfCode({ exitCode, error }: DoneFrame, returnValue: JsonText | undefined): Ending {
  if (error !== null)
    return { status: 'failed', reason: 'exception', exitCode, returnValue: undefined, error };
  return { ...endingOfExit(exitCode), returnValue };
}

function endingOfExit(exitCode: number): Ending {
  return exitCode === 0
    ? { ...NOTHING, status: 'succeeded', reason: null, exitCode }
    : { ...NOTHING, status: 'failed', reason: 'exit_code', exitCode };
}

function diedOfMemory({ end, killedForMemory, outOfMemory, heapExhausted }: WhatHappened): boolean {
  if (killedForMemory) return true;
  if (end.type !== 'exited') return outOfMemory;
  const { exitCode, signal } = end.exit;
  const killed = signal === 'SIGKILL' || exitCode === EXIT_CODE_OF_SIGKILL;
  const aborted = signal === 'SIGABRT' || exitCode === EXIT_CODE_OF_SIGABRT;
  return (outOfMemory && (killed || exitCode === null)) || (heapExhausted && aborted);
}

const NOTHING = { exitCode: null, returnValue: undefined, error: null };

function failed(reason: 'out_of_memory' | 'kernel_crashed'): Ending {
  return { ...NOTHING, status: 'failed', reason };
}
