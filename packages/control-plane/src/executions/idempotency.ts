import { hash } from 'node:crypto';
import { setTimeout as delay } from 'node:timers/promises';
import { CaissonError, isCaissonError } from '@caisson/protocol/api';
import type { TenantId } from '@caisson/protocol/api';
import type { IdempotencyRepository } from '../store/idempotency.ts';
import type { StorageHealth } from '../store/writing/storage-health.ts';
import type { Clock } from '../time/clock.ts';

/** How long a request waits for what another replica makes under the same key. */
const WAIT_MS = 60_000;
const LOOK_AGAIN_MS = 50;

export interface IdempotentRequest<Id extends string> {
  readonly tenantId: TenantId;
  /** Where the key counts: the same key at another endpoint is another one. */
  readonly endpoint: string;
  readonly key: string | undefined;
  readonly request: unknown;
  /** Of what is made, if this is the first request with the key. */
  readonly id: Id;
}

export interface IdempotencyDependencies {
  readonly store: IdempotencyRepository;
  readonly storage: StorageHealth;
  readonly clock: Clock;
  readonly maxAgeMs: number;
  /** Whether what was reserved is there. */
  readonly exists: (tenantId: TenantId, id: string) => Promise<boolean>;
}

/** Makes a request with a key happen once, on whatever replica: the key is reserved before anything is done. */
export class Idempotency {
  readonly #dependencies: IdempotencyDependencies;
  /** What this replica makes just now, by the id that was reserved for it. */
  readonly #underWay = new Map<string, Promise<void>>();

  constructor(dependencies: IdempotencyDependencies) {
    this.#dependencies = dependencies;
  }

  /**
   * Calls `make` for the first request with the key, and returns the id of what was made for it; without a key, calls it now. A
   * `make` that fails leaves no trace: the next request with the key tries again.
   * @throws CaissonError `idempotency_key_reused` where the request is another than the first one, `storage_unavailable`
   */
  async once<Id extends string>(
    { tenantId, endpoint, key, request, id }: IdempotentRequest<Id>,
    make: () => Promise<void>,
  ): Promise<Id> {
    if (key === undefined) {
      await make();
      return id;
    }
    const { clock, maxAgeMs, store } = this.#dependencies;
    const fingerprint = hash('sha256', JSON.stringify(request), 'hex');
    for (let waitedMs = 0; ; waitedMs += LOOK_AGAIN_MS) {
      const createdAt = clock.nowMs();
      const reserved = await store.reserve(
        { tenantId, endpoint, key, fingerprint, resourceId: id, createdAt },
        createdAt - maxAgeMs,
      );
      if (reserved.fingerprint !== fingerprint) throw new CaissonError('idempotency_key_reused', { key });
      if (reserved.resourceId === id) {
        await this.#make({ tenantId, endpoint, key, id }, make);
        return id;
      }
      if (await this.#isMade(tenantId, reserved.resourceId)) return reserved.resourceId as Id;
      // Whoever has reserved it is gone.
      if (waitedMs >= WAIT_MS)
        await store.release({ tenantId, endpoint, key, resourceId: reserved.resourceId });
    }
  }

  async #make(
    { tenantId, endpoint, key, id }: { tenantId: TenantId; endpoint: string; key: string; id: string },
    make: () => Promise<void>,
  ): Promise<void> {
    const { storage, store } = this.#dependencies;
    const made = make();
    this.#underWay.set(id, made);
    try {
      await made;
    } catch (error) {
      const release = storage.orLater(() => store.release({ tenantId, endpoint, key, resourceId: id }));
      await release.catch((failure: unknown) => {
        if (!isCaissonError(failure, 'storage_unavailable')) throw failure;
      });
      throw error;
    } finally {
      this.#underWay.delete(id);
    }
  }

  /** Waits for what another request makes; `false` where that has failed, or is slow, so that the key is to be looked at again. */
  async #isMade(tenantId: TenantId, id: string): Promise<boolean> {
    const underWay = this.#underWay.get(id);
    if (underWay !== undefined) {
      return underWay.then(
        () => true,
        () => false,
      );
    }
    if (await this.#dependencies.exists(tenantId, id)) return true;
    await delay(LOOK_AGAIN_MS, undefined, { ref: false });
    return false;
  }
}
