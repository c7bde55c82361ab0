import { randomUUID } from 'node:crypto';
import type { JsonText, StepRequest } from '@caisson/protocol/ports';
import type { KernelProcess } from '../kernel/kernel-process.ts';
import type { KernelEnd } from './outcome.ts';
import { drainOutput } from './output-drain.ts';
import { encodeStepFrame } from './step-frame.ts';
import type { StepEvents } from './step-events.ts';
import { StepOutput } from './step-output.ts';
import type { StepStop } from './step-stop.ts';
import { StepValues } from './step-values.ts';
import { stopKernel } from '../kernel/stop-kernel.ts';

export interface StepResult {
  readonly end: KernelEnd;
  readonly returnValue: JsonText | null;
  readonly truncated: boolean;
  readonly stderrTail: string;
}

export interface StepContext {
  readonly kernel: KernelProcess;
  readonly stop: StepStop;
  readonly events: StepEvents;
  readonly memoryLimitBytes: number | undefined;
  readonly remainingMs: number;
  /** Variables that the kernel keeps after the step. */
  readonly adoptedEnv: Readonly<Record<string, string>>;
}

/** Runs one step in a kernel and emits its output. Rejects only if the kernel cannot be stopped. */
export async function runStep(request: StepRequest, context: StepContext): Promise<StepResult> {
  const { kernel, stop, events } = context;
  // 122 random bits, which Node prepares in batches: code cannot guess the marker that ends its output.
  const nonce = randomUUID();
  const marker = Buffer.from(`\0${nonce}\n`);
  const stdout = new StepOutput('stdout', request.outputLimitBytes, events.emit);
  const stderr = new StepOutput('stderr', request.outputLimitBytes, events.emit);
  const drained = Promise.all([
    kernel.stdout.begin(marker, (bytes) => stdout.write(bytes)),
    kernel.stderr.begin(marker, (bytes) => stderr.write(bytes)),
  ]);
  await using stopping = stopKernel(kernel, stop);
  stopping satisfies AsyncDisposable;
  const values = new StepValues(request.outputLimitBytes, events.emit);
  const line = encodeStepFrame({
    ...request,
    nonce,
    stdin: request.stdin ?? '',
    sessionId: request.sessionId ?? '',
    memoryLimitBytes: context.memoryLimitBytes,
    remainingMs: context.remainingMs,
    adoptedEnv: context.adoptedEnv,
  });
  const end = await kernel.step(line, values);
  // Else a process that holds the streams open would keep us waiting for their end.
  if (end.type !== 'done') await kernel.kill();
  await drainOutput(kernel, drained, { stop, events, alive: end.type === 'done' });
  kernel.stdout.abandon();
  kernel.stderr.abandon();
  for (const pending of [stdout.end(), stderr.end()]) await stop.waitFor(pending);
  return {
    end,
    returnValue: values.returnValue,
    truncated: stdout.truncated || stderr.truncated || values.truncated,
    stderrTail: stderr.tail(),
  };
}
