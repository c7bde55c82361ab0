import { cancelReason, type CancelReason } from '@caisson/protocol';

/** What ended a step from outside. */
export type StopCause = CancelReason | 'timeout';

/** The first of deadline, caller's abort and failure of the caller's sink. Holds a timer and a listener until disposed. */
export class StepStop implements Disposable {
  cause: StopCause | undefined;
  /** What the caller's sink threw. */
  failure: Error | undefined;
  readonly #controller = new AbortController();
  readonly #timer: NodeJS.Timeout;
  readonly #caller: AbortSignal;
  readonly #onCallerAbort: () => void;
  readonly #actions = new Set<() => void>();

  constructor(timeoutMs: number, caller: AbortSignal) {
    this.#caller = caller;
    this.#onCallerAbort = () => {
      this.end(cancelReason(caller));
    };
    this.#timer = setTimeout(() => {
      this.end('timeout');
    }, timeoutMs);
    caller.addEventListener('abort', this.#onCallerAbort, { once: true });
    if (caller.aborted) this.#onCallerAbort();
  }

  /** Aborted at the first cause. */
  get signal(): AbortSignal {
    return this.#controller.signal;
  }

  /** Calls `act` at the first cause, at once where there was one, and not any more once the result is disposed. */
  whenStopped(act: () => void): Disposable {
    if (this.cause === undefined) this.#actions.add(act);
    else act();
    return {
      [Symbol.dispose]: () => {
        this.#actions.delete(act);
      },
    };
  }

  /** Waits for `pending`, but not longer than until the stop. */
  async orBefore(pending: Promise<unknown> | undefined): Promise<void> {
    if (pending === undefined || this.cause !== undefined) return;
    const stopped = new Promise((resolve) => {
      this.signal.addEventListener('abort', resolve, { once: true });
    });
    await Promise.race([pending, stopped]);
  }

  /** The caller's sink broke: there is nobody left to run for. */
  fail(error: Error): void {
    this.failure ??= error;
    this.end('cancelled');
  }

  /** Later causes change nothing. */
  end(cause: StopCause): void {
    if (this.cause !== undefined) return;
    this.cause = cause;
    this[Symbol.dispose]();
    this.#controller.abort();
    for (const act of this.#actions) act();
  }

  [Symbol.dispose](): void {
    clearTimeout(this.#timer);
    this.#caller.removeEventListener('abort', this.#onCallerAbort);
  }
}
