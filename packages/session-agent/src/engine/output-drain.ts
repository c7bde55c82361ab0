import { setTimeout as delay } from 'node:timers/promises';
import type { KernelProcess } from './kernel-process.ts';
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
  const { stop, events, alive } = drain;
  const done = new AbortController();
  const finished = drained.then(() => {
    done.abort();
  });
  const giveUp = alive && stop.cause === undefined ? stop.signal : undefined;
  const signal = giveUp === undefined ? done.signal : AbortSignal.any([done.signal, giveUp]);
  for (;;) {
    const before = kernel.stdout.bytesRead + kernel.stderr.bytesRead;
    await Promise.race([finished, delay(SILENCE_MS, undefined, { signal }).catch(() => undefined)]);
    if (signal.aborted || giveUp === undefined) return;
    const moved = kernel.stdout.bytesRead + kernel.stderr.bytesRead > before;
    if (!moved && events.pending === 0) return;
  }
}
