import { monitorEventLoopDelay } from 'node:perf_hooks';

const RESOLUTION_MS = 20;

/** Delays of the event loop, in seconds; 0 without a measurement. */
export interface LoopDelay {
  readonly p50: number;
  readonly p99: number;
  readonly max: number;
}

/** Records the delays of the event loop since its creation or last reset, until disposed of. */
export class LoopDelayRecorder implements Disposable {
  readonly #ticks = monitorEventLoopDelay({ resolution: RESOLUTION_MS });

  constructor() {
    this.#ticks.enable();
  }

  read(): LoopDelay {
    if (this.#ticks.count === 0) return { p50: 0, p99: 0, max: 0 };
    return {
      p50: lateness(this.#ticks.percentile(50)),
      p99: lateness(this.#ticks.percentile(99)),
      max: lateness(this.#ticks.max),
    };
  }

  reset(): void {
    this.#ticks.reset();
  }

  [Symbol.dispose](): void {
    this.#ticks.disable();
  }
}

/** Delay in seconds; the histogram has the nanoseconds between two ticks, which include the tick interval. */
function lateness(nanoseconds: number): number {
  return Math.max(0, nanoseconds / 1e9 - RESOLUTION_MS / 1000);
}
