import { newApiKeyId, newTenantId } from '@caisson/protocol/api';
import { hashApiKey, newApiKey } from '../../packages/control-plane/src/auth/api-key.ts';
import { openStore } from '../../packages/control-plane/src/store/sqlite/database.ts';
import { tenantRepository } from '../../packages/control-plane/src/store/tenants.ts';

/** Adds a tenant to the database of a stopped server, and returns the key of one of its members. */
export async function addTenant(dataDir: string, name: string): Promise<string> {
  await using store = await openStore(dataDir);
  const tenantId = newTenantId();
  const key = newApiKey();
  await tenantRepository(store.db, store.writer).addTenant(
    { id: tenantId, name, createdAt: Date.now() },
    { id: newApiKeyId(), tenantId, name, hash: hashApiKey(key), role: 'member', createdAt: Date.now() },
  );
  return key;
}
