import type { AuditAction, SYSTEM, TenantId } from '@caisson/protocol/api';
import type { PrincipalId } from '../model/principal.ts';

/** Who did something. */
export type Actor = PrincipalId | typeof SYSTEM;

/** What was done, before it has its place in the chain. */
export interface NewAuditRecord {
  /** Milliseconds since 1970. */
  readonly at: number;
  readonly tenantId: TenantId;
  readonly principal: Actor;
  readonly action: AuditAction;
  readonly subject: string;
  /** The names are in the order of the alphabet, as the hash wants them; never code, output or secrets. */
  readonly details: Readonly<Record<string, string | number | null>>;
}

/** The end of a tenant's chain: what its next record goes on from. */
export interface ChainEnd {
  readonly sequence: number;
  readonly hash: string;
}

/** A record in its place; see `chain.ts`. */
export interface AuditRecord extends NewAuditRecord, ChainEnd {
  readonly previousHash: string;
}
