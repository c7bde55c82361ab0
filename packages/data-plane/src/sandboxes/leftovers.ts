import { existsSync, rmdirSync } from 'node:fs';
import { join } from 'node:path';
import type { Logger } from 'pino';
import type { Cgroups } from '../cgroups/cgroup.ts';
import type { IdRanges } from '../limits/id-ranges.ts';
import { deadInstances } from './instance.ts';

/**
 * Removes everything that dead servers left on this host: their sandboxes' processes, cgroups, id ranges and files. Their mounts
 * were in a separate mount namespace, and went with its last process.
 */
export async function removeLeftovers(
  host: {
    stateDirectory: string;
    workspaceDirectory: string;
    cgroups: Cgroups;
    idRanges: IdRanges;
    logger: Logger;
  },
  signal: AbortSignal,
): Promise<void> {
  for (const dead of deadInstances(host.stateDirectory)) {
    using instance = dead;
    const cgroup = host.cgroups.at(instance.cgroupPath);
    const processes = cgroup.processes().length;
    await cgroup.kill(signal);
    await cgroup.remove(signal);
    const images = join(host.workspaceDirectory, instance.name);
    if (existsSync(images)) rmdirSync(images);
    host.idRanges.releaseAll(instance.name);
    host.logger.info({ instance: instance.name, processes }, 'leftovers of a dead server removed');
  }
}
