/** A signal that follows two others until disposed. */
export interface EitherAborted extends Disposable {
  readonly signal: AbortSignal;
}

/**
 * Aborted with the same reason as soon as one of the two is. Unlike `AbortSignal.any`, it leaves no reference in a signal that
 * lives as long as the process: that would keep each, with its listeners, until the next full garbage collection.
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
