import type { SandboxRequest } from '@caisson/protocol';

/** Whose sandboxes are counted together: those of one tenant and one kind. */
export function holderOf({ tenantId, quota }: Pick<SandboxRequest, 'tenantId' | 'quota'>): string {
  return `${quota.kind} ${tenantId}`;
}

/** How many sandboxes each holder has, waiting for one included. Whoever has none takes no memory. */
export class SandboxCounts {
  readonly #counts = new Map<string, number>();

  countOf(holder: string): number {
    return this.#counts.get(holder) ?? 0;
  }

  /** Counts one more until the result is disposed, which can be done twice. */
  hold(holder: string): Disposable {
    this.#counts.set(holder, this.countOf(holder) + 1);
    let held = true;
    return {
      [Symbol.dispose]: () => {
        if (!held) return;
        held = false;
        const left = this.countOf(holder) - 1;
        if (left === 0) this.#counts.delete(holder);
        else this.#counts.set(holder, left);
      },
    };
  }
}
