import { setTimeout as delay } from 'node:timers/promises';
import type { StateFile } from '../state-file.ts';

const MAX_POLL_MS = 10;

/** `cgroup.freeze` and `cgroup.events` of one cgroup. */
export interface FreezerFiles {
  readonly freeze: Pick<StateFile, 'write'>;
  readonly events: Pick<StateFile, 'read'>;
}

/**
 * Freezes every process of a cgroup. The kernel remembers the request, so one write is enough.
 * @returns `false` if the cgroup has no such file
 * @throws the reason of `signal`; the cgroup is thawed then
 */
export async function freezeV2(files: FreezerFiles, signal: AbortSignal): Promise<boolean> {
  try {
    signal.throwIfAborted();
    if (!files.freeze.write('1')) return false;
    await untilFrozen(true, files, signal);
    return true;
  } catch (error) {
    files.freeze.write('0');
    throw error;
  }
}

/**
 * Resumes every process. A cgroup that is gone counts as thawed.
 * @throws the reason of `signal`, for example because a parent cgroup stays frozen
 */
export async function thawV2(files: FreezerFiles, signal: AbortSignal): Promise<void> {
  if (files.freeze.write('0')) await untilFrozen(false, files, signal);
}

async function untilFrozen(wanted: boolean, { events }: FreezerFiles, signal: AbortSignal): Promise<void> {
  for (let round = 1; !isFrozen(wanted, events.read()); round++) {
    signal.throwIfAborted();
    await delay(Math.min(round, MAX_POLL_MS));
  }
}

function isFrozen(wanted: boolean, events: string | undefined): boolean {
  // The cgroup is gone since the write.
  return events === undefined || events.includes(`frozen ${wanted ? 1 : 0}`);
}
