import { CaissonError } from '@caisson/protocol/api';
import { difference, NOTHING, scarceResource, sum } from './amounts.ts';
import type { Amounts, ResourceName } from './amounts.ts';

/** Part of the machine that is one place's until it is disposed, which can be done twice. */
export type Reservation = Disposable;

interface Waiter {
  readonly amounts: Amounts;
  serve(reservation: Reservation): void;
}

/** What the machine itself says to one place more, beyond what was promised; `undefined`: nothing against it. */
export type Objection = (amounts: Amounts) => ResourceName | undefined;

/** Begins to end what nobody uses, until no more is missing (negative where nothing is); tells how much that gives back. */
export type GiveWay = (missing: Amounts) => Amounts;

/**
 * Keeps count of what was promised, and promises no more than there is. Who finds no room waits until others have made some;
 * those for whom it is enough are served in the order in which they came, so that a large one never holds up the small ones.
 */
export class Reservations {
  readonly #promisable: Amounts;
  readonly #objection: Objection;
  readonly #waiters = new Set<Waiter>();
  readonly #reclaims: GiveWay[] = [];
  #promised = NOTHING;

  /** @param promisable the sum of all reservations at any time */
  constructor(promisable: Amounts, objection: Objection) {
    this.#promisable = promisable;
    this.#objection = objection;
  }

  get promised(): Amounts {
    return this.#promised;
  }

  get waiting(): number {
    return this.#waiters.size;
  }

  /** Has `giveWay` called when someone finds no room, if those that were named before it have not given back enough. */
  onShortage(giveWay: GiveWay): void {
    this.#reclaims.push(giveWay);
  }

  /** Takes room at once, for what can be done without: `undefined` where there is none, or where others wait for it. */
  tryReserve(amounts: Amounts): Reservation | undefined {
    return this.#waiters.size === 0 ? this.#take(amounts) : undefined;
  }

  /**
   * Takes room, or waits `waitMs` for it.
   * @throws CaissonError `insufficient_capacity`, or the reason of `signal`
   */
  async reserve(amounts: Amounts, waitMs: number, signal: AbortSignal): Promise<Reservation> {
    signal.throwIfAborted();
    const taken = this.#take(amounts);
    if (taken !== undefined) return taken;
    const never = scarceResource(amounts, this.#promisable);
    if (never !== undefined) throw insufficient(never, waitMs);
    return this.#wait(amounts, waitMs, signal);
  }

  /** Serves those who wait, if the machine has no objections any more. */
  recheck(): void {
    for (const waiter of [...this.#waiters]) {
      const taken = this.#take(waiter.amounts);
      if (taken !== undefined) waiter.serve(taken);
    }
  }

  /** Asks once more for what nobody uses, for there may be new ones since: of each that waits, as much as it lacks. */
  reclaim(): void {
    for (const waiter of [...this.#waiters]) if (this.#waiters.has(waiter)) this.#reclaim(waiter.amounts);
  }

  async #wait(amounts: Amounts, waitMs: number, signal: AbortSignal): Promise<Reservation> {
    const { promise, resolve, reject } = Promise.withResolvers<Reservation>();
    // Once it is settled it must not be served any more: nobody would give back what it got.
    const waiter: Waiter = {
      amounts,
      serve: (reservation) => {
        this.#waiters.delete(waiter);
        resolve(reservation);
      },
    };
    const giveUp = (error: Error) => {
      this.#waiters.delete(waiter);
      reject(error);
    };
    const onAbort = () => {
      giveUp(signal.reason as Error);
    };
    const timer = setTimeout(() => {
      giveUp(insufficient(this.#scarce(amounts) ?? 'memory', waitMs));
    }, waitMs);
    this.#waiters.add(waiter);
    signal.addEventListener('abort', onAbort, { once: true });
    this.#reclaim(amounts);
    try {
      return await promise;
    } finally {
      clearTimeout(timer);
      signal.removeEventListener('abort', onAbort);
    }
  }

  #reclaim(amounts: Amounts): void {
    let missing = difference(sum(this.#promised, amounts), this.#promisable);
    for (const giveWay of this.#reclaims) {
      if (scarceResource(missing, NOTHING) === undefined) return;
      missing = difference(missing, giveWay(missing));
    }
  }

  #take(amounts: Amounts): Reservation | undefined {
    if (this.#scarce(amounts) !== undefined) return undefined;
    this.#promised = sum(this.#promised, amounts);
    let held = true;
    return {
      [Symbol.dispose]: () => {
        if (!held) return;
        held = false;
        this.#promised = difference(this.#promised, amounts);
        this.recheck();
      },
    };
  }

  #scarce(amounts: Amounts): ResourceName | undefined {
    return scarceResource(sum(this.#promised, amounts), this.#promisable) ?? this.#objection(amounts);
  }
}

function insufficient(resource: ResourceName, waitMs: number): CaissonError {
  return new CaissonError('insufficient_capacity', {
    resource,
    retryAfterSeconds: Math.max(1, Math.ceil(waitMs / 1000)),
  });
}
