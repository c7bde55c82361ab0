import type { AuditAction, SYSTEM, TenantId } from '@caisson/protocol/api';
import type { PrincipalId } from '../model/principal.ts';

/** Who performed an action. */
export type Actor = PrincipalId | typeof SYSTEM;

/** An action before it is appended to the chain. */
export interface NewAuditRecord {
  /** Milliseconds since 1970. */
  readonly at: number;
  readonly tenantId: TenantId;
  readonly principal: Actor;
  readonly action: AuditAction;
  readonly subject: string;
  /** Names in alphabetical order, as the hash requires; never code, output or secrets. */
  readonly details: Readonly<Record<string, string | number | null>>;
}

/** The end of a tenant's chain: its next record continues from here. */
export interface ChainEnd {
  readonly sequence: number;
  readonly hash: string;
}

/** A record in the chain; see `chain.ts`. */
export interface AuditRecord extends NewAuditRecord, ChainEnd {
  readonly previousHash: string;
}
