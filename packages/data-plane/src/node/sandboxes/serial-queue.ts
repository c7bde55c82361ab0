import { orAborted } from '../../abort/or-aborted.ts';

/** Runs one piece of work at a time, in order of arrival. */
export class SerialQueue {
  /** Resolves when all queued work is done; `undefined` if there is none. */
  #last: Promise<unknown> | undefined;

  /** @throws what `work` throws, or the reason of `signal` if that is aborted before its turn */
  async run<Result>(work: () => Promise<Result>, signal: AbortSignal): Promise<Result> {
    const turn = this.#last;
    const done = Promise.withResolvers<undefined>();
    const last = turn === undefined ? done.promise : turn.then(async () => done.promise);
    this.#last = last;
    try {
      if (turn !== undefined) await orAborted(turn, signal);
      return await work();
    } finally {
      done.resolve(undefined);
      // After an abort the work ahead may still be running, so later work must keep waiting for it.
      if (this.#last === last && !signal.aborted) this.#last = undefined;
    }
  }
}
