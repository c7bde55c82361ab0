import { hash } from 'node:crypto';
import { setTimeout as delay } from 'node:timers/promises';
import { CaissonError, isCaissonError } from '@caisson/protocol/api';
import type { TenantId } from '@caisson/protocol/api';
import type { IdempotencyRepository } from '../store/idempotency.ts';
import type { StorageHealth } from '../store/writing/storage-health.ts';
import type { Clock } from '../time/clock.ts';

/** How long a request waits for another replica to finish the request with the same key. */
const WAIT_MS = 60_000;
const POLL_MS = 50;

export interface IdempotentRequest<Id extends string> {
  readonly tenantId: TenantId;
  /** Scope of the key: the same key at another endpoint is a different key. */
  readonly endpoint: string;
  readonly key: string | undefined;
  readonly request: unknown;
  /** Id of the new resource, if this is the first request with the key. */
  readonly id: Id;
}

export interface IdempotencyDependencies {
  readonly store: IdempotencyRepository;
  readonly storage: StorageHealth;
  readonly clock: Clock;
  readonly maxAgeMs: number;
  /** Whether the resource with the reserved id exists. */
  readonly exists: (tenantId: TenantId, id: string) => Promise<boolean>;
}

/** Runs a request with a key once, across all replicas: the key is reserved before anything else is done. */
export class Idempotency {
  readonly #dependencies: IdempotencyDependencies;
  /** The resources that this replica is creating, by their reserved ids. */
  readonly #underWay = new Map<string, Promise<void>>();

  constructor(dependencies: IdempotencyDependencies) {
    this.#dependencies = dependencies;
  }

  /**
   * Calls `make` for the first request with the key, and returns the id of the resource that it made; without a key, always calls
   * it. If `make` fails, the key is released: the next request with it tries again.
   * @throws CaissonError `idempotency_key_reused` if the request differs from the first one, `storage_unavailable`
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
    for (let waitedMs = 0; ; waitedMs += POLL_MS) {
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
      // The replica that reserved it is gone.
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

  /** Waits for the other request with the key; `false` if that has failed or is slow: the key has to be read again. */
  async #isMade(tenantId: TenantId, id: string): Promise<boolean> {
    const underWay = this.#underWay.get(id);
    if (underWay !== undefined) {
      return underWay.then(
        () => true,
        () => false,
      );
    }
    if (await this.#dependencies.exists(tenantId, id)) return true;
    await delay(POLL_MS, undefined, { ref: false });
    return false;
  }
}
