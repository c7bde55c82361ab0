import type { TenantId } from '@caisson/protocol/api';

/**
 * How many bytes of output each tenant has on record, at most: what was counted once, and all that came since. What was
 * removed since is found out when it is counted again, and so is what an earlier process left.
 */
export class OutputLedger {
  readonly #bytes = new Map<TenantId, number>();
  readonly #shared: boolean;

  /** `shared`: other replicas write to the database, so that what comes is not known here. */
  constructor(shared: boolean) {
    this.#shared = shared;
  }

  /** At most so many; Infinity where it must be counted. */
  bytesOf(tenantId: TenantId): number {
    return this.#shared ? Infinity : (this.#bytes.get(tenantId) ?? Infinity);
  }

  add(tenantId: TenantId, bytes: number): void {
    const known = this.#bytes.get(tenantId);
    if (known !== undefined) this.#bytes.set(tenantId, known + bytes);
  }

  /** Begins to count: what comes meanwhile is added. The function that it returns adds what was counted. */
  beginCount(tenantId: TenantId): (countedBytes: number) => void {
    this.#bytes.set(tenantId, 0);
    return (countedBytes) => {
      this.add(tenantId, countedBytes);
    };
  }
}
