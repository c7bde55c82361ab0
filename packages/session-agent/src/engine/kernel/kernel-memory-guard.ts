import type { StepStop } from '../step/step-stop.ts';
import type { KernelProcess } from './kernel-process.ts';

/** Kills the kernel of a step if the sandbox exceeds its memory limit. */
export class KernelMemoryGuard {
  /** Whether memory ended the step, rather than a stop before it. */
  killed = false;
  #exceeded = false;
  #kernel: KernelProcess | undefined;
  readonly #stop: StepStop;

  constructor(stop: StepStop) {
    this.#stop = stop;
  }

  watch(kernel: KernelProcess): void {
    this.#kernel = kernel;
    if (this.#exceeded) this.exceed();
  }

  exceed(): void {
    this.#exceeded = true;
    if (this.#kernel?.alive !== true) return;
    this.killed = this.#stop.cause === undefined;
    // The step waits for the same kill and gets its error.
    this.#kernel.kill().catch(() => undefined);
  }
}
