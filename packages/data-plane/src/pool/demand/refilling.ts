import type { HostLoad } from './host-load.ts';
import { chooseRefill } from './choose-refill.ts';
import { hasRoomForOneMore, isMemoryScarce } from '../shelves/memory-bounds.ts';
import { isBusy, refillsAtOnce, restMs } from './refill-pace.ts';
import type { Shelf } from '../shelves/shelf.ts';

/** Decides when and what to refill, by what the host has left over. */
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

  /** Whether memory is scarce, so that nothing may be held ready. */
  get scarce(): boolean {
    return this.#scarce;
  }

  /** Takes a new reading of the host. */
  observe(load: HostLoad): void {
    this.#busy = isBusy(this.#load, load);
    this.#scarce = isMemoryScarce(this.#scarce, load);
    this.#load = load;
  }

  /** What to make one more of now; `undefined` if nothing, and then `restMs` tells when to ask again. */
  next(nowMs: number, shelves: readonly Shelf[]): Shelf | undefined {
    if (this.#scarce || this.#filling >= refillsAtOnce(this.#busy) || nowMs < this.#restUntilMs)
      return undefined;
    const shelf = chooseRefill(nowMs, shelves);
    if (shelf === undefined) return undefined;
    const heldBytes = shelves.reduce((sum, each) => sum + each.heldBytes, 0);
    return hasRoomForOneMore(this.#load, { heldBytes, filling: this.#filling }) ? shelf : undefined;
  }

  /** How long to rest before the next one, in milliseconds. */
  restMs(nowMs: number): number {
    return Math.max(0, this.#restUntilMs - nowMs);
  }

  /** Notes that one is being made; to be disposed at its end. */
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
