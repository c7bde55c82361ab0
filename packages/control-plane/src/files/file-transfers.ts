import { CaissonError } from '@caisson/protocol/api';
import type { TenantId } from '@caisson/protocol/api';

const RETRY_AFTER_SECONDS = 5;

/**
 * Limits the concurrent uploads and downloads of each tenant. They last as long as the caller's network is slow, and each holds
 * descriptors and buffers.
 */
export class FileTransfers {
  readonly #limitPerTenant: number;
  readonly #running = new Map<TenantId, number>();

  constructor(limitPerTenant: number) {
    this.#limitPerTenant = limitPerTenant;
  }

  /** Begins a transfer, which lasts until disposed of. @throws CaissonError `file_transfers_limit_reached` */
  begin(tenantId: TenantId): Disposable {
    const running = this.#running.get(tenantId) ?? 0;
    if (running >= this.#limitPerTenant) {
      throw new CaissonError('file_transfers_limit_reached', {
        limit: this.#limitPerTenant,
        retryAfterSeconds: RETRY_AFTER_SECONDS,
      });
    }
    this.#running.set(tenantId, running + 1);
    let over = false;
    return {
      [Symbol.dispose]: () => {
        if (over) return;
        over = true;
        const left = (this.#running.get(tenantId) ?? 0) - 1;
        if (left > 0) this.#running.set(tenantId, left);
        else this.#running.delete(tenantId);
      },
    };
  }
}
