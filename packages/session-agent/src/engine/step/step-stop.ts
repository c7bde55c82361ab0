import type { CancelReason } from '@caisson/protocol/api';
import { cancelReason } from '@caisson/protocol/ports';

/** Why a step was stopped from outside. */
export type StopCause = CancelReason | 'timeout';

/** Stops a step at its deadline, the caller's abort or a failure of the caller's sink, whichever is first. */
export class StepStop implements Disposable {
  cause: StopCause | undefined;
  /** The error of the caller's sink. */
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

  /** Aborted when the step is stopped. */
  get signal(): AbortSignal {
    return this.#controller.signal;
  }

  /** Calls `act` when the step is stopped, or now if it was; not after the result is disposed. */
  whenStopped(act: () => void): Disposable {
    if (this.cause === undefined) this.#actions.add(act);
    else act();
    return {
      [Symbol.dispose]: () => {
        this.#actions.delete(act);
      },
    };
  }

  /** Waits for `pending`, or until the step is stopped. */
  async waitFor(pending: Promise<unknown> | undefined): Promise<void> {
    if (pending === undefined || this.cause !== undefined) return;
    const stopped = new Promise((resolve) => {
      this.signal.addEventListener('abort', resolve, { once: true });
    });
    await Promise.race([pending, stopped]);
  }

  /** Stops the step because the caller's sink failed. */
  fail(error: Error): void {
    this.failure ??= error;
    this.end('cancelled');
  }

  /** Stops the step. Only the first cause counts. */
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
