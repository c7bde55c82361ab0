/** What a caller gets: a turn to make something, until it is released, or something that another made. */
export type Served<Goods> =
  { readonly type: 'turn'; readonly release: () => void } | { readonly type: 'goods'; readonly goods: Goods };

interface Waiter<Goods> {
  readonly kind: string | undefined;
  serve(served: Served<Goods>): void;
  fail(error: Error): void;
}

/** Serves callers first come, first served, a limited number at a time. */
export class WaitingLine<Goods> {
  readonly #limit: number;
  readonly #waiters = new Set<Waiter<Goods>>();
  #turns = 0;
  #closedBy: Error | undefined;

  /** @param limit turns at the same time */
  constructor(limit: number) {
    this.#limit = limit;
  }

  get waiting(): number {
    return this.#waiters.size;
  }

  /**
   * Waits for a turn, or for something that another made.
   * @param kind what `offer` may hand over instead of a turn; `undefined`: nothing
   * @throws the reason of `signal`, or that of `close`
   */
  async wait(kind: string | undefined, signal: AbortSignal): Promise<Served<Goods>> {
    signal.throwIfAborted();
    if (this.#closedBy !== undefined) throw this.#closedBy;
    if (this.#turns < this.#limit) return this.#newTurn();
    return new Promise((resolve, reject) => {
      const leave = (): void => {
        waiter.fail(signal.reason as Error);
      };
      const go = (): void => {
        this.#waiters.delete(waiter);
        signal.removeEventListener('abort', leave);
      };
      const waiter: Waiter<Goods> = {
        kind,
        serve: (served) => {
          go();
          resolve(served);
        },
        fail: (error) => {
          go();
          reject(error);
        },
      };
      this.#waiters.add(waiter);
      signal.addEventListener('abort', leave, { once: true });
    });
  }

  /** Hands something to the first caller who waits for its kind. Returns whether there was one. */
  offer(kind: string, goods: Goods): boolean {
    for (const waiter of this.#waiters) {
      if (waiter.kind !== kind) continue;
      waiter.serve({ type: 'goods', goods });
      return true;
    }
    return false;
  }

  /** Rejects all who wait, and all who come later, with `error`. Turns that were given go on. */
  close(error: Error): void {
    this.#closedBy = error;
    for (const waiter of [...this.#waiters]) waiter.fail(error);
  }

  #newTurn(): Served<Goods> {
    this.#turns += 1;
    let released = false;
    return {
      type: 'turn',
      release: () => {
        if (released) return;
        released = true;
        this.#turns -= 1;
        const [next] = this.#waiters;
        next?.serve(this.#newTurn());
      },
    };
  }
}
