import type { Resources } from '@caisson/protocol/ports';

/** The kernel's default period of CPU bandwidth control, in microseconds. */
export const CPU_PERIOD_US = 100_000;

/** CPU time that a cgroup may use in each period, in microseconds. */
export function cpuQuotaUs(resources: Resources): number {
  return Math.max(1000, (resources.cpuMillicores * CPU_PERIOD_US) / 1000);
}
