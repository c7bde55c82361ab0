/**
 * What a key may do. `operator`: whoever runs the server; reads what tells of the host and of all tenants together.
 * `member`: one who belongs to a tenant, and sees and does only what is the tenant's. An operator's key is a member's too,
 * of its own tenant. There is no `admin`: that would be whoever manages one tenant, and nothing of the host.
 */
export const ROLES = ['operator', 'member'] as const;
export type Role = (typeof ROLES)[number];
