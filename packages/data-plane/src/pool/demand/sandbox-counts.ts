import type { SandboxRequest } from '@caisson/protocol/ports';

/** What sandboxes are counted by: their tenant and their kind, as a quota is. */
export function quotaKeyOf({ tenantId, quota }: Pick<SandboxRequest, 'tenantId' | 'quota'>): string {
  return `${quota.kind} ${tenantId}`;
}

/** How many sandboxes there are by `quotaKeyOf`, requests that wait for one included. A count of 0 takes no memory. */
export class SandboxCounts {
  readonly #counts = new Map<string, number>();

  countOf(quotaKey: string): number {
    return this.#counts.get(quotaKey) ?? 0;
  }

  /** Counts one more until the result is disposed, once or twice. */
  hold(quotaKey: string): Disposable {
    this.#counts.set(quotaKey, this.countOf(quotaKey) + 1);
    let held = true;
    return {
      [Symbol.dispose]: () => {
        if (!held) return;
        held = false;
        const left = this.countOf(quotaKey) - 1;
        if (left === 0) this.#counts.delete(quotaKey);
        else this.#counts.set(quotaKey, left);
      },
    };
  }
}
