/** Waits until `promise` has settled, at most `ms`, or until `signal` aborts. Never rejects. */
export async function settledWithin(
  promise: Promise<unknown>,
  ms: number,
  signal?: AbortSignal,
): Promise<void> {
  const over: PromiseWithResolvers<void> = Promise.withResolvers();
  const timer = setTimeout(over.resolve, ms).unref();
  const onAbort = () => {
    over.resolve();
  };
  signal?.addEventListener('abort', onAbort, { once: true });
  if (signal?.aborted === true) over.resolve();
  try {
    await Promise.race([promise.then(ignore, ignore), over.promise]);
  } finally {
    clearTimeout(timer);
    signal?.removeEventListener('abort', onAbort);
  }
}

function ignore(): void {
  // The result does not matter here.
}
