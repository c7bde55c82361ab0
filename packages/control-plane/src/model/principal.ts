import type { ApiKeyId, Role, TenantId } from '@caisson/protocol/api';

/** What names a caller in records and in the audit trail. */
export type PrincipalId = ApiKeyId;

/** Who is calling. */
export interface Principal {
  readonly id: PrincipalId;
  /** What proved who it is. */
  readonly kind: 'api_key';
  readonly tenantId: TenantId;
  readonly roles: readonly Role[];
}
