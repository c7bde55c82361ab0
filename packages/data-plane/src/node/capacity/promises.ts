import type { Resources } from '@caisson/protocol/ports';
import { cgroupMemoryBytes } from '../../limits/memory-file-systems.ts';
import { imageBytes } from '../../workspaces/disk/image-size.ts';
import type { Amounts } from './amounts.ts';

/** File descriptors of this server for one sandbox with a kernel of each language, and a few to spare. */
const SANDBOX_DESCRIPTORS = 20;

/** Whether the workspace of a sandbox of this size is kept on disk. */
export function isOnDisk(resources: Resources, diskWorkspaceBeyondBytes: number): boolean {
  return resources.diskBytes > diskWorkspaceBeyondBytes;
}

/** The most that a sandbox or cell of this size can take. */
export function promiseOf(resources: Resources, diskWorkspaceBeyondBytes: number): Amounts {
  const onDisk = isOnDisk(resources, diskWorkspaceBeyondBytes);
  return {
    memoryBytes: cgroupMemoryBytes(onDisk ? { ...resources, diskBytes: 0 } : resources),
    diskBytes: onDisk ? imageBytes(resources.diskBytes) : 0,
    cpuMillicores: resources.cpuMillicores,
    // Includes its first process.
    pids: resources.pids + 1,
    descriptors: SANDBOX_DESCRIPTORS,
  };
}

/** What a runner takes without its cells: its limits, and file descriptors for 32 slots. */
export function runnerPromise(limits: { readonly memoryBytes: number; readonly pids: number }): Amounts {
  return {
    memoryBytes: limits.memoryBytes,
    diskBytes: 0,
    cpuMillicores: 0,
    pids: limits.pids,
    descriptors: 160,
  };
}
