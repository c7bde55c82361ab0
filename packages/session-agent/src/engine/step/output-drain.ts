import type { KernelProcess } from '../kernel/kernel-process.ts';
import type { StepEvents } from './step-events.ts';
import type { StepStop } from './step-stop.ts';

/** How long to wait for output that does not come: the code may have closed or redirected its streams. */
const SILENCE_MS = 500;

interface Drain {
  readonly stop: StepStop;
  readonly events: StepEvents;
  /** Whether the kernel goes on, so that its output is worth waiting for. */
  readonly alive: boolean;
}

/**
 * Waits for the end of a step's output. A slow sink may take its time until the step is stopped; after that, or
 * once the kernel is dead, half a second is all there is.
 */
export async function drainOutput(
  kernel: KernelProcess,
  drained: Promise<unknown>,
  drain: Drain,
): Promise<void> {
  if (!kernel.stdout.isInStep && !kernel.stderr.isInStep) return;
  const { stop, events, alive } = drain;
  const finished = drained.then(() => true);
  const giveUp = alive && stop.cause === undefined ? stop.signal : undefined;
  for (;;) {
    const before = kernel.stdout.bytesRead + kernel.stderr.bytesRead;
    const done = await doneWithin(finished, SILENCE_MS, giveUp);
    if (done || giveUp === undefined || giveUp.aborted) return;
    const moved = kernel.stdout.bytesRead + kernel.stderr.bytesRead > before;
    if (!moved && events.pending === 0) return;
  }
}

/**
 * Whether `finished` came before the time was over and before `signal`. Not by `node:timers/promises`, nor by
 * `AbortSignal.any`: to abort those costs an error with a stack in every step, and memory that is given back late.
 */
async function doneWithin(finished: Promise<boolean>, ms: number, signal?: AbortSignal): Promise<boolean> {
  const over = Promise.withResolvers<boolean>();
  const stop = (): void => {
    over.resolve(false);
  };
  const timer = setTimeout(stop, ms);
  signal?.addEventListener('abort', stop, { once: true });
  try {
    return await Promise.race([finished, over.promise]);
  } finally {
    clearTimeout(timer);
    signal?.removeEventListener('abort', stop);
  }
}
