import type { ApiKeyId, Role, TenantId } from '@caisson/protocol/api';

/** Identifies a caller in records and in the audit trail. */
export type PrincipalId = ApiKeyId;

/** An authenticated caller. */
export interface Principal {
  readonly id: PrincipalId;
  /** How it was authenticated. */
  readonly kind: 'api_key';
  readonly tenantId: TenantId;
  readonly roles: readonly Role[];
}
