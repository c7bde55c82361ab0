import type { Clock } from '../time/clock.ts';
import { LoopDelayRecorder } from './loop-delay.ts';
import type { LoopDelay } from './loop-delay.ts';

const TURN_MS = 30_000;

/**
 * How late the event loop was in the last 30 to 60 seconds. Time alone makes it forget, never a reader, so that any number of
 * them see the same: two recorders take turns, and the one that has recorded for longer is read.
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

  /** In seconds, and over how many milliseconds it was seen. */
  read(): LoopDelay & { readonly overMs: number } {
    const { recorder, sinceMs } = this.#older;
    return { ...recorder.read(), overMs: Math.max(0, this.#clock.nowMs() - sinceMs) };
  }

  /** Forgets what was before the last turn; called every 30 seconds. */
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
