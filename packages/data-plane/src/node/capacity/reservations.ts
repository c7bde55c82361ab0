import { CaissonError } from '@caisson/protocol/api';
import { difference, NOTHING, scarceResource, sum } from './amounts.ts';
import type { Amounts, ResourceName } from './amounts.ts';

/** Resources held for one sandbox, cell or runner until disposed. Disposing twice is harmless. */
export type Reservation = Disposable;

interface Waiter {
  readonly amounts: Amounts;
  serve(reservation: Reservation): void;
}

/** The resource that the machine itself is short of for one more reservation; `undefined` if none. */
export type Objection = (amounts: Amounts) => ResourceName | undefined;

/** Starts to end what is idle, until nothing is `missing` (negative: to spare). Returns how much that frees. */
export type Reclaim = (missing: Amounts) => Amounts;

/**
 * Keeps the sum of all promises within its limit. A request without room waits until others free some. Waiting requests that fit
 * are served in order of arrival, so a large one never holds up small ones.
 */
export class Reservations {
  readonly #promisable: Amounts;
  readonly #objection: Objection;
  readonly #waiters = new Set<Waiter>();
  readonly #reclaimers: Reclaim[] = [];
  #promised = NOTHING;

  /** @param promisable limit for the sum of all reservations */
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

  /** Calls `reclaim` when a request finds no room, if those registered earlier have not freed enough. */
  onShortage(reclaim: Reclaim): void {
    this.#reclaimers.push(reclaim);
  }

  /** For optional work: reserves at once; `undefined` if there is no room, or if others are waiting. */
  tryReserve(amounts: Amounts): Reservation | undefined {
    return this.#waiters.size === 0 ? this.#take(amounts) : undefined;
  }

  /**
   * Reserves room, waiting up to `waitMs` for it.
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

  /** Serves the waiting requests that fit now. */
  recheck(): void {
    for (const waiter of [...this.#waiters]) {
      const taken = this.#take(waiter.amounts);
      if (taken !== undefined) waiter.serve(taken);
    }
  }

  /** Reclaims again for each waiting request what it lacks, because more may be idle by now. */
  reclaim(): void {
    for (const waiter of [...this.#waiters]) if (this.#waiters.has(waiter)) this.#reclaim(waiter.amounts);
  }

  async #wait(amounts: Amounts, waitMs: number, signal: AbortSignal): Promise<Reservation> {
    const { promise, resolve, reject } = Promise.withResolvers<Reservation>();
    // Must not be served once settled: nothing would free the reservation.
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
    for (const reclaim of this.#reclaimers) {
      if (scarceResource(missing, NOTHING) === undefined) return;
      missing = difference(missing, reclaim(missing));
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
