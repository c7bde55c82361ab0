import { readFileSync } from 'node:fs';

/** Number of the capability in capabilities(7). */
const CAP_SYS_RESOURCE = 24n;

/** Whether this process may exceed limits and lower `oom_score_adj`. Root in a container or virtual machine may lack this. */
export function hasSysResource(): boolean {
  return ((effectiveCapabilities(readFileSync('/proc/self/status', 'utf8')) >> CAP_SYS_RESOURCE) & 1n) === 1n;
}

function effectiveCapabilities(status: string): bigint {
  return BigInt(`0x${/^CapEff:\s*([0-9a-f]+)$/m.exec(status)?.[1] ?? '0'}`);
}
