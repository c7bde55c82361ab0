/** What is ready of a class, what is being made, and what there should be. */
export interface Stock {
  readonly target: number;
  readonly ready: number;
  readonly filling: number;
  /** Not to be tried before this time, after a failure. */
  readonly retryAtMs: number;
}

/** The class that lacks most of what it should have; `undefined` where none lacks anything that can be made now. */
export function chooseRefill<Class extends Stock>(nowMs: number, stocks: Iterable<Class>): Class | undefined {
  let chosen: Class | undefined;
  for (const stock of stocks) {
    if (shortage(stock) <= 0 || stock.retryAtMs > nowMs) continue;
    if (chosen === undefined || shortage(stock) > shortage(chosen)) chosen = stock;
  }
  return chosen;
}

/** Part of the target that is missing: so a small class that is empty comes before a large one that is half full. */
function shortage({ target, ready, filling }: Stock): number {
  return target === 0 ? 0 : (target - ready - filling) / target;
}
