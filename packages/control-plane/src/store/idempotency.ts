import type { Kysely } from 'kysely';
import type { TenantId } from '@caisson/protocol';
import type { Tables } from './tables.ts';
import { transactionWriter } from './writing/writer.ts';
import type { Writer } from './writing/writer.ts';

export interface IdempotencyRecord {
  readonly tenantId: TenantId;
  readonly endpoint: string;
  readonly key: string;
  /** SHA-256 of the request. */
  readonly fingerprint: string;
  /** What the request made. */
  readonly resourceId: string;
  readonly createdAt: number;
}

export interface IdempotencyRepository {
  /** The record of a key, if it was made after `since`. */
  find(
    tenantId: TenantId,
    endpoint: string,
    key: string,
    since: number,
  ): Promise<Pick<IdempotencyRecord, 'fingerprint' | 'resourceId'> | undefined>;
  /** Writes a record, over an outdated one of the same key. */
  put(record: IdempotencyRecord): Promise<void>;
}

export function idempotencyRepository(
  db: Kysely<Tables>,
  writer: Writer = transactionWriter(db),
): IdempotencyRepository {
  return {
    async find(tenantId, endpoint, key, since) {
      return db
        .selectFrom('idempotency_keys')
        .select(['fingerprint', 'resource_id as resourceId'])
        .where('tenant_id', '=', tenantId)
        .where('endpoint', '=', endpoint)
        .where('key', '=', key)
        .where('created_at', '>', since)
        .executeTakeFirst();
    },
    put({ tenantId, endpoint, key, fingerprint, resourceId, createdAt }) {
      const made = { fingerprint, resource_id: resourceId, created_at: createdAt };
      const insert = db
        .insertInto('idempotency_keys')
        .values({ tenant_id: tenantId, endpoint, key, ...made })
        .onConflict((conflict) => conflict.columns(['tenant_id', 'endpoint', 'key']).doUpdateSet(made))
        .compile();
      return writer.writeAnyway([insert]);
    },
  };
}
