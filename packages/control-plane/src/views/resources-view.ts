import type { Resources } from '@caisson/protocol/ports';

const MIB = 2 ** 20;

/** Resources in the format of the API. */
export function resourcesOf(resources: Resources): {
  cpu: string;
  memory: string;
  disk: string;
  pids: number;
} {
  return {
    cpu: String(resources.cpuMillicores / 1000),
    memory: quantity(resources.memoryBytes),
    disk: quantity(resources.diskBytes),
    pids: resources.pids,
  };
}

/** The shortest exact notation. */
function quantity(bytes: number): string {
  if (bytes % (1024 * MIB) === 0) return `${bytes / (1024 * MIB)}Gi`;
  return bytes % MIB === 0 ? `${bytes / MIB}Mi` : String(bytes);
}
