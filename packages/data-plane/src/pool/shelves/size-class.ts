import type { Isolation, Resources, SandboxRequest } from '@caisson/protocol';

/** What makes two fresh sandboxes the same to whoever gets one. */
export interface SizeClass {
  readonly templateId: string;
  readonly isolation: Isolation;
  readonly resources: Resources;
}

export function sizeClassOf({ templateId, isolation, resources }: SandboxRequest): SizeClass {
  return { templateId, isolation, resources };
}

/** The same text for the same class, and for no other. */
export function classKey({ templateId, isolation, resources }: SizeClass): string {
  const { cpuMillicores, memoryBytes, diskBytes, pids } = resources;
  return JSON.stringify([templateId, isolation, cpuMillicores, memoryBytes, diskBytes, pids]);
}
