/** Settles as `promise` does, or rejects with `late()` after `ms`; `promise` itself is not cancelled. */
export async function within<Value>(promise: Promise<Value>, ms: number, late: () => Error): Promise<Value> {
  const timeout = Promise.withResolvers<never>();
  const timer = setTimeout(() => {
    timeout.reject(late());
  }, ms).unref();
  try {
    return await Promise.race([promise, timeout.promise]);
  } finally {
    clearTimeout(timer);
  }
}
