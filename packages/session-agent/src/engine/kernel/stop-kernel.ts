import type { KernelProcess } from './kernel-process.ts';
import type { StepStop } from '../step/step-stop.ts';

/** Time between the interrupt, which keeps the state, and the kill, which loses it. */
const GRACE_MS = 1000;

/** When the step is stopped, interrupts the kernel and kills it after a grace period. Dispose after the step. */
export function stopKernel(kernel: KernelProcess, stop: StepStop): AsyncDisposable {
  let timer: NodeJS.Timeout | undefined;
  let interrupted: Promise<void> | undefined;
  // Whoever waits for the end of the kernel calls `kill` too, and gets the error of a failed kill.
  const kill = (): void => {
    kernel.kill().catch(() => undefined);
  };
  const begin = (): void => {
    // Before it is ready it has no state to keep and takes no interrupt.
    timer = setTimeout(kill, kernel.wasReady ? GRACE_MS : 0);
    // If the interrupt fails, kill.
    interrupted = kernel.interrupt().catch(kill);
  };
  const watch = stop.whenStopped(begin);
  return {
    [Symbol.asyncDispose]: async () => {
      clearTimeout(timer);
      watch[Symbol.dispose]();
      // A late interrupt must not reach the next step.
      await interrupted;
    },
  };
}
