import type { Kysely } from 'kysely';
import type { TenantId } from '@caisson/protocol/api';
import type { Tables } from './tables.ts';
import type { Writer } from './writing/writer.ts';

/** Each retry means that a failed request released the key between two statements. */
const MAX_ATTEMPTS = 10;

export interface IdempotencyRecord {
  readonly tenantId: TenantId;
  readonly endpoint: string;
  readonly key: string;
  /** SHA-256 of the request. */
  readonly fingerprint: string;
  /** Id of the resource that the request created. */
  readonly resourceId: string;
  readonly createdAt: number;
}

export type IdempotentResource = Pick<IdempotencyRecord, 'fingerprint' | 'resourceId'>;

export interface IdempotencyRepository {
  /**
   * Writes `record`, unless its key has a record made after `since`; returns the valid one of the two. Concurrent calls for a key
   * all return the same record.
   */
  reserve(record: IdempotencyRecord, since: number): Promise<IdempotentResource>;
  /** Removes the record of `reserve` for `resourceId`, which was not created. A record of another resource stays. */
  release(key: Omit<IdempotencyRecord, 'fingerprint' | 'createdAt'>): Promise<void>;
  /** The record of a key, if it was made after `since`. */
  find(
    tenantId: TenantId,
    endpoint: string,
    key: string,
    since: number,
  ): Promise<IdempotentResource | undefined>;
}

export function idempotencyRepository(db: Kysely<Tables>, writer: Writer): IdempotencyRepository {
  const find: IdempotencyRepository['find'] = (tenantId, endpoint, key, since) =>
    db
      .selectFrom('idempotency_keys')
      .select(['fingerprint', 'resource_id as resourceId'])
      .where('tenant_id', '=', tenantId)
      .where('endpoint', '=', endpoint)
      .where('key', '=', key)
      .where('created_at', '>', since)
      .executeTakeFirst();
  return {
    async reserve({ tenantId, endpoint, key, fingerprint, resourceId, createdAt }, since) {
      const made = { fingerprint, resource_id: resourceId, created_at: createdAt };
      const insert = db
        .insertInto('idempotency_keys')
        .values({ tenant_id: tenantId, endpoint, key, ...made })
        .onConflict((conflict) =>
          conflict
            .columns(['tenant_id', 'endpoint', 'key'])
            .doUpdateSet(made)
            .where('idempotency_keys.created_at', '<=', since),
        )
        .compile();
      for (let attempt = 0; attempt < MAX_ATTEMPTS; attempt += 1) {
        if (await writer.change([insert])) return { fingerprint, resourceId };
        const known = await find(tenantId, endpoint, key, since);
        if (known !== undefined) return known;
        // It has just been released.
      }
      throw new Error('the idempotency key is reserved and released again and again');
    },
    async release({ tenantId, endpoint, key, resourceId }) {
      const remove = db
        .deleteFrom('idempotency_keys')
        .where('tenant_id', '=', tenantId)
        .where('endpoint', '=', endpoint)
        .where('key', '=', key)
        .where('resource_id', '=', resourceId);
      await writer.writeAnyway([remove.compile()]);
    },
    find,
  };
}
