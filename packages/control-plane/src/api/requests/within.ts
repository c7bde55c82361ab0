/** What `promise` comes to, or the rejection with `late()` once `ms` have passed; `promise` itself goes on. */
export async function within<Value>(promise: Promise<Value>, ms: number, late: () => Error): Promise<Value> {
  const over = Promise.withResolvers<never>();
  const timer = setTimeout(() => {
    over.reject(late());
  }, ms).unref();
  try {
    return await Promise.race([promise, over.promise]);
  } finally {
    clearTimeout(timer);
  }
}
