import { monitorEventLoopDelay } from 'node:perf_hooks';

const RESOLUTION_MS = 20;

/** How late the event loop was, in seconds; 0 where nothing was seen yet. */
export interface LoopDelay {
  readonly p50: number;
  readonly p99: number;
  readonly max: number;
}

/** Gathers how late the event loop is, from its start or its last reset on, until it is disposed. */
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

/** Seconds; the histogram holds the nanoseconds between two ticks, which are the interval of the ticks at least. */
function lateness(nanoseconds: number): number {
  return Math.max(0, nanoseconds / 1e9 - RESOLUTION_MS / 1000);
}
