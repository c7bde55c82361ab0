import type { Kysely } from 'kysely';
import type { ApiKeyId, Role, TenantId } from '@caisson/protocol/api';
import { apiKeyCreated, tenantCreated } from '../audit/records.ts';
import type { Principal } from '../model/principal.ts';
import type { Tables } from './tables.ts';
import type { Writer } from './writing/writer.ts';

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
  readonly role: Role;
  readonly createdAt: number;
}

export interface TenantRepository {
  /** Adds a tenant with its first key and their audit events, all or nothing. */
  addTenant(tenant: NewTenant, key: NewApiKey): Promise<void>;
  hasKeys(): Promise<boolean>;
  findPrincipal(keyHash: string): Promise<Principal | undefined>;
}

export function tenantRepository(db: Kysely<Tables>, writer: Writer): TenantRepository {
  return {
    addTenant(tenant, key) {
      const insertTenant = db
        .insertInto('tenants')
        .values({ id: tenant.id, name: tenant.name, created_at: tenant.createdAt })
        .compile();
      const insertKey = db
        .insertInto('api_keys')
        .values({
          id: key.id,
          tenant_id: key.tenantId,
          name: key.name,
          hash: key.hash,
          role: key.role,
          created_at: key.createdAt,
        })
        .compile();
      return writer.write([insertTenant, insertKey], [tenantCreated(tenant), apiKeyCreated(key)]);
    },
    async hasKeys() {
      return (await db.selectFrom('api_keys').select('id').limit(1).executeTakeFirst()) !== undefined;
    },
    async findPrincipal(keyHash) {
      const row = await db
        .selectFrom('api_keys')
        .select(['id', 'tenant_id', 'role'])
        .where('hash', '=', keyHash)
        .executeTakeFirst();
      return row && { id: row.id, kind: 'api_key', tenantId: row.tenant_id, roles: [row.role] };
    },
  };
}
