import type { Clock } from '../time/clock.ts';
import { LoopDelayRecorder } from './loop-delay.ts';
import type { LoopDelay } from './loop-delay.ts';

const TURN_MS = 30_000;

/**
 * Delays of the event loop over the last 30 to 60 seconds. Reads reset nothing, so any number of readers see the same values: two
 * recorders are reset in turn, and the one that has recorded for longer is read.
 */
export class RecentLoopDelay implements Disposable {
  readonly #clock: Clock;
  readonly #turning: NodeJS.Timeout;
  #older: { readonly recorder: LoopDelayRecorder; sinceMs: number };
  #younger: { readonly recorder: LoopDelayRecorder; sinceMs: number };

  constructor(clock: Clock) {
    this.#clock = clock;
    const sinceMs = clock.nowMs();
    this.#older = { recorder: new LoopDelayRecorder(), sinceMs };
    this.#younger = { recorder: new LoopDelayRecorder(), sinceMs };
    this.#turning = setInterval(() => {
      this.turn();
    }, TURN_MS).unref();
  }

  /** Delays in seconds; `overMs` is the length of the measurement in milliseconds. */
  read(): LoopDelay & { readonly overMs: number } {
    const { recorder, sinceMs } = this.#older;
    return { ...recorder.read(), overMs: Math.max(0, this.#clock.nowMs() - sinceMs) };
  }

  /** Discards the measurements from before the last turn; called every 30 seconds. */
  turn(): void {
    const oldest = this.#older;
    this.#older = this.#younger;
    this.#younger = oldest;
    oldest.recorder.reset();
    oldest.sinceMs = this.#clock.nowMs();
  }

  [Symbol.dispose](): void {
    clearInterval(this.#turning);
    for (const { recorder } of [this.#older, this.#younger]) recorder[Symbol.dispose]();
  }
}
