import type { TenantId } from '@caisson/protocol/api';

/**
 * Upper bound of each tenant's recorded output, in bytes: the last count, plus everything recorded since. Removed output, and
 * output that an earlier process recorded, is only considered by the next count.
 */
export class OutputLedger {
  readonly #bytes = new Map<TenantId, number>();
  readonly #shared: boolean;

  /** `shared`: other replicas write to the database too, so this process does not know all output. */
  constructor(shared: boolean) {
    this.#shared = shared;
  }

  /** Upper bound in bytes; Infinity if a count is needed. */
  bytesOf(tenantId: TenantId): number {
    return this.#shared ? Infinity : (this.#bytes.get(tenantId) ?? Infinity);
  }

  add(tenantId: TenantId, bytes: number): void {
    const known = this.#bytes.get(tenantId);
    if (known !== undefined) this.#bytes.set(tenantId, known + bytes);
  }

  /** Begins a count; output recorded during the count is included. Call the returned function with the counted bytes. */
  beginCount(tenantId: TenantId): (countedBytes: number) => void {
    this.#bytes.set(tenantId, 0);
    return (countedBytes) => {
      this.add(tenantId, countedBytes);
    };
  }
}
