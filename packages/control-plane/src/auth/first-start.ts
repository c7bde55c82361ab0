import { rename, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { newApiKeyId, newTenantId } from '@caisson/protocol/api';
import type { Clock } from '../time/clock.ts';
import type { TenantRepository } from '../store/tenants.ts';
import { hashApiKey, newApiKey } from './api-key.ts';

export const ADMIN_KEY_FILE = 'admin.key';

/**
 * Without any key in the database: creates the tenant "default" with an operator's key, writes it to `admin.key` (mode 0600, no
 * line break), and returns the path of that file; otherwise returns `undefined`. The key is not printed, since output ends up in
 * logs.
 */
export async function makeFirstKey(
  tenants: TenantRepository,
  dataDir: string,
  clock: Clock,
): Promise<string | undefined> {
  if (await tenants.hasKeys()) return undefined;
  const key = newApiKey();
  // The file first: a key that is only in the database could never be recovered.
  const path = join(dataDir, ADMIN_KEY_FILE);
  await writeSecret(path, key);
  const tenantId = newTenantId();
  const createdAt = clock.nowMs();
  await tenants.addTenant(
    { id: tenantId, name: 'default', createdAt },
    { id: newApiKeyId(), tenantId, name: 'admin', hash: hashApiKey(key), role: 'operator', createdAt },
  );
  return path;
}

async function writeSecret(path: string, text: string): Promise<void> {
  const temporary = `${path}.new`;
  await rm(temporary, { force: true });
  // `wx` creates a new file, so that neither a planted link nor the mode of an older file is used.
  await writeFile(temporary, text, { mode: 0o600, flag: 'wx' });
  await rename(temporary, path);
}
