import type { HostLoad } from './host-load.ts';
import { chooseRefill } from './choose-refill.ts';
import { hasRoomForOneMore, isMemoryScarce } from '../shelves/memory-bounds.ts';
import { isBusy, refillsAtOnce, restMs } from './refill-pace.ts';
import type { Shelf } from '../shelves/shelf.ts';

/** Decides when to refill and which shelf, by the load of the host. */
export class Refilling {
  #load: HostLoad;
  #busy = false;
  #scarce = false;
  #filling = 0;
  #restUntilMs = 0;

  constructor(load: HostLoad) {
    this.#load = load;
    this.#scarce = isMemoryScarce(false, load);
  }

  /** Whether memory is scarce; then nothing is held ready. */
  get scarce(): boolean {
    return this.#scarce;
  }

  /** Takes a new reading of the host. */
  observe(load: HostLoad): void {
    this.#busy = isBusy(this.#load, load);
    this.#scarce = isMemoryScarce(this.#scarce, load);
    this.#load = load;
  }

  /** The shelf that gets one more now; `undefined` if none does, until `restMs` has passed. */
  next(nowMs: number, shelves: readonly Shelf[]): Shelf | undefined {
    if (this.#scarce || this.#filling >= refillsAtOnce(this.#busy) || nowMs < this.#restUntilMs)
      return undefined;
    const shelf = chooseRefill(nowMs, shelves);
    if (shelf === undefined) return undefined;
    const heldBytes = shelves.reduce((sum, each) => sum + each.heldBytes, 0);
    return hasRoomForOneMore(this.#load, { heldBytes, filling: this.#filling }) ? shelf : undefined;
  }

  /** Milliseconds to wait before the next refill. */
  restMs(nowMs: number): number {
    return Math.max(0, this.#restUntilMs - nowMs);
  }

  /** Counts one that is being made, until the result is disposed. */
  begin(shelf: Shelf, now: () => number): Disposable {
    const startedMs = now();
    this.#filling += 1;
    shelf.filling += 1;
    return {
      [Symbol.dispose]: () => {
        this.#filling -= 1;
        shelf.filling -= 1;
        this.#restUntilMs = now() + restMs(this.#busy, now() - startedMs);
      },
    };
  }
}
