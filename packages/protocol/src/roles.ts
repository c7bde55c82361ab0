/**
 * What a key may do. `operator` runs the server, and may read about the host and all tenants together. `member` belongs to a
 * tenant, and may only use what is the tenant's. An operator is also a member of its own tenant. There is no `admin`: that
 * would be the manager of a single tenant, without access to the host.
 */
export const ROLES = ['operator', 'member'] as const;
export type Role = (typeof ROLES)[number];
