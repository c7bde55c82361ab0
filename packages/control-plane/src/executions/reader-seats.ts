import { CaissonError } from '@caisson/protocol/api';
import type { TenantId } from '@caisson/protocol/api';

const RETRY_AFTER_SECONDS = 5;

/** Limits the concurrent event readers of each tenant: each takes a connection and some memory. */
export class ReaderSeats {
  readonly #limit: number;
  readonly #taken = new Map<TenantId, number>();

  constructor(limit: number) {
    this.#limit = limit;
  }

  /** Takes a seat; disposing of it, once or more, gives it back. @throws CaissonError `too_many_readers` */
  take(tenantId: TenantId): Disposable {
    const taken = this.#taken.get(tenantId) ?? 0;
    if (taken >= this.#limit) {
      throw new CaissonError('too_many_readers', {
        limit: this.#limit,
        retryAfterSeconds: RETRY_AFTER_SECONDS,
      });
    }
    this.#taken.set(tenantId, taken + 1);
    let held = true;
    return {
      [Symbol.dispose]: () => {
        if (held) this.#giveBack(tenantId);
        held = false;
      },
    };
  }

  #giveBack(tenantId: TenantId): void {
    const left = (this.#taken.get(tenantId) ?? 0) - 1;
    if (left > 0) this.#taken.set(tenantId, left);
    else this.#taken.delete(tenantId);
  }
}
