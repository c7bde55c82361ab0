import type { Cgroup } from './cgroup.ts';

/** The kernel's default, on v1 and on v2, and a sixteenth of it. */
const SHARES = { normal: '1024', low: '64' };
const WEIGHT = { normal: '100', low: '6' };

/** Sets how much a sandbox counts beside the others of the same instance. */
export function setSandboxWeight(cgroup: Cgroup, weight: 'normal' | 'low'): void {
  if (cgroup.isV2) cgroup.write('cpu', 'cpu.weight', WEIGHT[weight]);
  else cgroup.write('cpu', 'cpu.shares', SHARES[weight]);
}
