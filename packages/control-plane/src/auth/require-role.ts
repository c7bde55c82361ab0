import { CaissonError } from '@caisson/protocol';
import type { Role } from '@caisson/protocol';
import type { Principal } from '../store/tenants.ts';

/** @throws CaissonError `forbidden` unless the key of `principal` has the role `needs` */
export function requireRole({ role }: Principal, needs: Role): void {
  if (role !== needs) throw new CaissonError('forbidden', { needs });
}
