import { setImmediate as nextTurn } from 'node:timers/promises';
import type { KernelProcess } from '../kernel/kernel-process.ts';
import type { StepEvents } from './step-events.ts';
import type { StepStop } from './step-stop.ts';

/** How long to wait for missing output: the code may have closed or redirected its streams. */
const SILENCE_MS = 500;

interface Drain {
  readonly stop: StepStop;
  readonly events: StepEvents;
  /** Whether the kernel is alive, so that more output can come. */
  readonly alive: boolean;
}

/**
 * Waits for the end of a step's output. A slow sink may take until the step is stopped; after that, or if the kernel is
 * dead, it gets half a second. While reading is delayed for the sandbox's share, nothing but a stop ends the wait.
 */
export async function drainOutput(
  kernel: KernelProcess,
  drained: Promise<unknown>,
  drain: Drain,
): Promise<void> {
  if (!kernel.stdout.isInStep && !kernel.stderr.isInStep) return;
  const { stop, events, alive } = drain;
  const finished = drained.then(() => true);
  const giveUp = stop.cause === undefined ? stop.signal : undefined;
  for (;;) {
    const before = kernel.stdout.bytesRead + kernel.stderr.bytesRead;
    const done = await doneWithin(finished, SILENCE_MS, alive ? giveUp : undefined);
    if (done || giveUp === undefined || giveUp.aborted) return;
    // After a busy turn of the event loop, output that has arrived is read only now.
    await nextTurn();
    // Silence is of the sandbox only while it is read.
    if (kernel.isReadDelayed) continue;
    const moved = kernel.stdout.bytesRead + kernel.stderr.bytesRead > before;
    if (!alive || (!moved && events.pending === 0)) return;
  }
}

/**
 * Whether `finished` resolved within `ms` and before `signal`. Without `node:timers/promises` and `AbortSignal.any`: aborting
 * those costs an error with a stack in every step, and memory that is freed late.
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
