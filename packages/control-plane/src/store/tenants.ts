import type { Kysely } from 'kysely';
import type { ApiKeyId, TenantId } from '@caisson/protocol';
import type { Tables } from './tables.ts';

export interface NewTenant {
  readonly id: TenantId;
  readonly name: string;
  readonly createdAt: number;
}

export interface NewApiKey {
  readonly id: ApiKeyId;
  readonly tenantId: TenantId;
  readonly name: string;
  /** See `auth/api-key.ts`; the key itself is never stored. */
  readonly hash: string;
  readonly createdAt: number;
}

/** Who is calling. */
export interface Principal {
  readonly tenantId: TenantId;
  readonly apiKeyId: ApiKeyId;
}

export interface TenantRepository {
  /** Adds a tenant together with its first key, both or neither. */
  addTenant(tenant: NewTenant, key: NewApiKey): Promise<void>;
  hasKeys(): Promise<boolean>;
  findPrincipal(keyHash: string): Promise<Principal | undefined>;
}

export function tenantRepository(db: Kysely<Tables>): TenantRepository {
  return {
    async addTenant(tenant, key) {
      await db.transaction().execute(async (transaction) => {
        await transaction
          .insertInto('tenants')
          .values({ id: tenant.id, name: tenant.name, created_at: tenant.createdAt })
          .execute();
        await transaction
          .insertInto('api_keys')
          .values({
            id: key.id,
            tenant_id: key.tenantId,
            name: key.name,
            hash: key.hash,
            created_at: key.createdAt,
          })
          .execute();
      });
    },
    async hasKeys() {
      return (await db.selectFrom('api_keys').select('id').limit(1).executeTakeFirst()) !== undefined;
    },
    async findPrincipal(keyHash) {
      const row = await db
        .selectFrom('api_keys')
        .select(['id', 'tenant_id'])
        .where('hash', '=', keyHash)
        .executeTakeFirst();
      return row && { apiKeyId: row.id, tenantId: row.tenant_id };
    },
  };
}
