import type { Isolation } from '@caisson/protocol/api';
import type { Resources, SandboxRequest } from '@caisson/protocol/ports';

/** Two fresh sandboxes of one class are interchangeable. */
export interface SizeClass {
  readonly templateId: string;
  readonly isolation: Isolation;
  readonly resources: Resources;
}

export function sizeClassOf({ templateId, isolation, resources }: SandboxRequest): SizeClass {
  return { templateId, isolation, resources };
}

/** A text that identifies the class. */
export function classKey({ templateId, isolation, resources }: SizeClass): string {
  const { cpuMillicores, memoryBytes, diskBytes, pids } = resources;
  return JSON.stringify([templateId, isolation, cpuMillicores, memoryBytes, diskBytes, pids]);
}
