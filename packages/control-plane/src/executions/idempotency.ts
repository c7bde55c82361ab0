import { hash } from 'node:crypto';
import { CaissonError, isCaissonError } from '@caisson/protocol';
import type { TenantId } from '@caisson/protocol';
import type { Clock } from '../time/clock.ts';
import type { IdempotencyRepository } from '../store/idempotency.ts';
import type { StorageHealth } from '../store/writing/storage-health.ts';

export interface IdempotentRequest {
  readonly tenantId: TenantId;
  /** Where the key counts: the same key at another endpoint is another one. */
  readonly endpoint: string;
  readonly key: string | undefined;
  readonly request: unknown;
}

/** Makes a request with a key happen once. */
export class Idempotency {
  readonly #store: IdempotencyRepository;
  readonly #storage: StorageHealth;
  readonly #clock: Clock;
  readonly #maxAgeMs: number;
  /** Requests whose key is not in the store yet. */
  readonly #underWay = new Map<string, { fingerprint: string; made: Promise<{ id: string }> }>();

  constructor(store: IdempotencyRepository, storage: StorageHealth, clock: Clock, maxAgeMs: number) {
    this.#store = store;
    this.#storage = storage;
    this.#clock = clock;
    this.#maxAgeMs = maxAgeMs;
  }

  /**
   * The id that `make` returned for the first request with this key; without a key, what it returns now. A `make` that
   * fails leaves no trace: the next request with the key tries again.
   * @throws CaissonError `idempotency_key_reused` where the request is another than the first one
   */
  async once<Id extends string>(request: IdempotentRequest, make: () => Promise<Id>): Promise<Id> {
    const { tenantId, endpoint, key } = request;
    if (key === undefined) return make();
    const fingerprint = hash('sha256', JSON.stringify(request.request), 'hex');
    const slot = JSON.stringify([tenantId, endpoint, key]);
    const underWay = this.#underWay.get(slot);
    if (underWay !== undefined) {
      if (underWay.fingerprint !== fingerprint) throw new CaissonError('idempotency_key_reused', { key });
      return (await underWay.made).id as Id;
    }
    const made = this.#makeOnce(tenantId, endpoint, key, fingerprint, make);
    this.#underWay.set(slot, { fingerprint, made });
    try {
      const { id, recorded } = await made;
      // While the storage fails, it is remembered here alone.
      const forget = () => this.#underWay.delete(slot);
      recorded.then(forget, forget);
      return id;
    } catch (error) {
      this.#underWay.delete(slot);
      throw error;
    }
  }

  async #makeOnce<Id extends string>(
    tenantId: TenantId,
    endpoint: string,
    key: string,
    fingerprint: string,
    make: () => Promise<Id>,
  ): Promise<{ id: Id; recorded: Promise<void> }> {
    const known = await this.#store.find(tenantId, endpoint, key, this.#clock.nowMs() - this.#maxAgeMs);
    if (known !== undefined) {
      if (known.fingerprint !== fingerprint) throw new CaissonError('idempotency_key_reused', { key });
      return { id: known.resourceId as Id, recorded: Promise.resolve() };
    }
    const id = await make();
    const createdAt = this.#clock.nowMs();
    const put = () => this.#store.put({ tenantId, endpoint, key, fingerprint, resourceId: id, createdAt });
    try {
      await put();
    } catch (error) {
      if (!isCaissonError(error, 'storage_unavailable')) throw error;
      return { id, recorded: this.#storage.untilWritten(put) };
    }
    return { id, recorded: Promise.resolve() };
  }
}
