import { setTimeout as delay } from 'node:timers/promises';
import type { StateFile } from '../state-file.ts';

/** A process that cannot be frozen where it is has to run on first. */
const WRITES_BEFORE_THAW = 4;
const MAX_POLL_MS = 10;

/**
 * Freezes every process of a cgroup with its `freezer.state`. One write is not enough: it marks each process once, and a process
 * that starts to wait for a vforked child just then misses the mark, so the cgroup stays FREEZING forever. Each poll writes
 * FROZEN again.
 * @returns `false` if the cgroup has no such file
 * @throws the reason of `signal`; the cgroup is thawed then
 */
export async function freezeV1(state: StateFile, signal: AbortSignal): Promise<boolean> {
  try {
    for (let round = 1; ; round++) {
      signal.throwIfAborted();
      if (!state.write('FROZEN')) return false;
      if (isIn('FROZEN', state)) return true;
      if (round % WRITES_BEFORE_THAW === 0) state.write('THAWED');
      await delay(Math.min(round, MAX_POLL_MS));
    }
  } catch (error) {
    state.write('THAWED');
    throw error;
  }
}

/**
 * Resumes every process. A cgroup that is gone counts as thawed.
 * @throws the reason of `signal`, for example because a parent cgroup stays frozen
 */
export async function thawV1(state: StateFile, signal: AbortSignal): Promise<void> {
  for (let round = 1; state.write('THAWED') && !isIn('THAWED', state); round++) {
    signal.throwIfAborted();
    await delay(Math.min(round, MAX_POLL_MS));
  }
}

function isIn(wanted: 'FROZEN' | 'THAWED', state: StateFile): boolean {
  const text = state.read();
  // The cgroup is gone since the write.
  return text === undefined || text.trim() === wanted;
}
