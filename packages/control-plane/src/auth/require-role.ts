import { CaissonError } from '@caisson/protocol/api';
import type { Role } from '@caisson/protocol/api';
import type { Principal } from '../model/principal.ts';

/** @throws CaissonError `forbidden` unless the caller has the role `needs` */
export function requireRole({ roles }: Principal, needs: Role): void {
  if (!roles.includes(needs)) throw new CaissonError('forbidden', { needs });
}
