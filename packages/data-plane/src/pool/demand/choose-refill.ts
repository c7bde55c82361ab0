/** How many sandboxes of a class are ready, are being made, and should be ready. */
export interface Stock {
  readonly target: number;
  readonly ready: number;
  readonly filling: number;
  /** After a failure: when to try again. */
  readonly retryAtMs: number;
}

/** The class that is furthest below its target; `undefined` where none can be refilled now. */
export function chooseRefill<Class extends Stock>(nowMs: number, stocks: Iterable<Class>): Class | undefined {
  let chosen: Class | undefined;
  for (const stock of stocks) {
    if (shortage(stock) <= 0 || stock.retryAtMs > nowMs) continue;
    if (chosen === undefined || shortage(stock) > shortage(chosen)) chosen = stock;
  }
  return chosen;
}

/** The missing part of the target: a small class that is empty comes before a large one that is half full. */
function shortage({ target, ready, filling }: Stock): number {
  return target === 0 ? 0 : (target - ready - filling) / target;
}
