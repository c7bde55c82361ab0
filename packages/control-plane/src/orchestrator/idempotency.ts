import { hash } from 'node:crypto';
import { CaissonError } from '@caisson/protocol';
import type { TenantId } from '@caisson/protocol';
import type { Clock } from '../clock.ts';
import type { IdempotencyRepository } from '../store/idempotency.ts';

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
  readonly #clock: Clock;
  readonly #maxAgeMs: number;
  /** Requests whose key is not in the store yet. */
  readonly #underWay = new Map<string, { fingerprint: string; id: Promise<string> }>();

  constructor(store: IdempotencyRepository, clock: Clock, maxAgeMs: number) {
    this.#store = store;
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
      return (await underWay.id) as Id;
    }
    const id = this.#makeOnce(tenantId, endpoint, key, fingerprint, make);
    this.#underWay.set(slot, { fingerprint, id });
    try {
      return await id;
    } finally {
      this.#underWay.delete(slot);
    }
  }

  /** Forgets keys that are too old. */
  async sweep(): Promise<void> {
    await this.#store.deleteOlderThan(this.#clock.nowMs() - this.#maxAgeMs);
  }

  async #makeOnce<Id extends string>(
    tenantId: TenantId,
    endpoint: string,
    key: string,
    fingerprint: string,
    make: () => Promise<Id>,
  ): Promise<Id> {
    const known = await this.#store.find(tenantId, endpoint, key, this.#clock.nowMs() - this.#maxAgeMs);
    if (known !== undefined) {
      if (known.fingerprint !== fingerprint) throw new CaissonError('idempotency_key_reused', { key });
      return known.resourceId as Id;
    }
    const id = await make();
    const createdAt = this.#clock.nowMs();
    await this.#store.put({ tenantId, endpoint, key, fingerprint, resourceId: id, createdAt });
    return id;
  }
}
