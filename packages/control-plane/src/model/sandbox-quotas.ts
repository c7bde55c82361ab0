import type { SandboxQuota } from '@caisson/protocol/ports';
import type { ControlPlaneConfig } from '../config.ts';

/** How many sandboxes any tenant may hold at once for its sessions. */
export function sessionQuota(config: Pick<ControlPlaneConfig, 'maxSessionsPerTenant'>): SandboxQuota {
  return { kind: 'session', limit: config.maxSessionsPerTenant };
}

/** How many sandboxes any tenant may hold at once for its jobs, if no step of a session runs beside them. */
export function jobQuota(config: Pick<ControlPlaneConfig, 'maxConcurrentExecutionsPerTenant'>): SandboxQuota {
  return { kind: 'job', limit: config.maxConcurrentExecutionsPerTenant };
}
