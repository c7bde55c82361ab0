import { CaissonError } from '@caisson/protocol/api';
import type { Clock } from '../time/clock.ts';
import type { TenantRepository } from '../store/tenants.ts';
import type { Principal } from '../model/principal.ts';
import { hashApiKey, isApiKey } from './api-key.ts';

const CACHE_MS = 10_000;
const MAX_CACHED = 10_000;
const MAX_HEADER_CHARACTERS = 1024;

/** Finds the caller from the `Authorization` header. @throws CaissonError `unauthenticated` */
export type Authenticate = (header: string | undefined) => Promise<Principal>;

/** Caches known keys by their hash for ten seconds; unknown keys never, so that guesses take no memory. */
export function authenticator(tenants: TenantRepository, clock: Clock): Authenticate {
  const known = new Map<string, { principal: Principal; until: number }>();
  return async (header) => {
    const hash = hashApiKey(bearerKey(header));
    const cached = known.get(hash);
    if (cached !== undefined && cached.until > clock.nowMs()) return cached.principal;
    const principal = await tenants.findPrincipal(hash);
    if (principal === undefined) {
      known.delete(hash);
      throw new CaissonError('unauthenticated', { problem: 'unknown' });
    }
    if (known.size >= MAX_CACHED) known.clear();
    known.set(hash, { principal, until: clock.nowMs() + CACHE_MS });
    return principal;
  };
}

function bearerKey(header: string | undefined): string {
  if (header === undefined) throw new CaissonError('unauthenticated', { problem: 'missing' });
  const key = header.length > MAX_HEADER_CHARACTERS ? undefined : /^Bearer +(\S+) *$/i.exec(header)?.[1];
  if (key === undefined) throw new CaissonError('unauthenticated', { problem: 'malformed' });
  if (!isApiKey(key)) throw new CaissonError('unauthenticated', { problem: 'unknown' });
  return key;
}
