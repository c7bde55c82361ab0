/**
 * A signal that is aborted after `ms`. Unlike `AbortSignal.timeout` it is let go of as soon as what it bounds is done: else
 * each of many short calls would be held, with all that listened, for as long as its deadline.
 */
export class Deadline implements Disposable {
  readonly #controller = new AbortController();
  readonly #timer: NodeJS.Timeout;

  constructor(ms: number) {
    this.#timer = setTimeout(() => {
      this.#controller.abort(new Error(`it was not done after ${ms} ms`));
    }, ms).unref();
  }

  get signal(): AbortSignal {
    return this.#controller.signal;
  }

  [Symbol.dispose](): void {
    clearTimeout(this.#timer);
  }
}
