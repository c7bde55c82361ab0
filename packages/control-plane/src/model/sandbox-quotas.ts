import type { SandboxQuota } from '@caisson/protocol/ports';
import type { ControlPlaneConfig } from '../config.ts';

/** Each tenant's limit of concurrent sandboxes for its sessions. */
export function sessionQuota(config: Pick<ControlPlaneConfig, 'maxSessionsPerTenant'>): SandboxQuota {
  return { kind: 'session', limit: config.maxSessionsPerTenant };
}

/** Each tenant's limit of concurrent sandboxes for its jobs, when none of its steps is running. */
export function jobQuota(config: Pick<ControlPlaneConfig, 'maxConcurrentExecutionsPerTenant'>): SandboxQuota {
  return { kind: 'job', limit: config.maxConcurrentExecutionsPerTenant };
}
