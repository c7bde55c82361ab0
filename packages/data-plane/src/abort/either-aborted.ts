/** A signal that follows two others until it is disposed. */
export interface EitherAborted extends Disposable {
  readonly signal: AbortSignal;
}

/**
 * Aborted, for the same reason, as soon as one of the two is. Unlike `AbortSignal.any` it leaves nothing with a signal that
 * lives as long as the process: there each would be kept, with all that listens to it, until the next full collection.
 */
export function eitherAborted(one: AbortSignal, other: AbortSignal): EitherAborted {
  const controller = new AbortController();
  const signals = [one, other];
  const follow = (): void => {
    controller.abort(signals.find(({ aborted }) => aborted)?.reason);
  };
  for (const signal of signals) signal.addEventListener('abort', follow, { once: true });
  if (one.aborted || other.aborted) follow();
  return {
    signal: controller.signal,
    [Symbol.dispose]: () => {
      for (const signal of signals) signal.removeEventListener('abort', follow);
    },
  };
}
