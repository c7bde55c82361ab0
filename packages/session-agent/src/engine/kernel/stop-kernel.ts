import type { KernelProcess } from './kernel-process.ts';
import type { StepStop } from '../step/step-stop.ts';

/** Between the interrupt, which keeps the state, and the kill, which does not. */
const GRACE_MS = 1000;

/** From now until it is disposed: when `stop` comes, interrupts the kernel, and kills it after the grace. */
export function stopKernel(kernel: KernelProcess, stop: StepStop): AsyncDisposable {
  let timer: NodeJS.Timeout | undefined;
  let interrupted: Promise<void> | undefined;
  // Whoever waits for the end of the kernel calls `kill` too, and so hears of a kill that failed.
  const kill = (): void => {
    kernel.kill().catch(() => undefined);
  };
  const begin = (): void => {
    // Before it is ready it has no state to keep, and takes no interrupt.
    timer = setTimeout(kill, kernel.wasReady ? GRACE_MS : 0);
    // What cannot be interrupted is killed.
    interrupted = kernel.interrupt().catch(kill);
  };
  const watch = stop.whenStopped(begin);
  return {
    [Symbol.asyncDispose]: async () => {
      clearTimeout(timer);
      watch[Symbol.dispose]();
      // An interrupt still on its way must not reach the next step.
      await interrupted;
    },
  };
}
