import { setTimeout as pause } from 'node:timers/promises';
import { isBusy } from './storage-failure.ts';

/**
 * How long a transaction waits for the lock of another connection. Those are held for milliseconds, and by a migration for
 * seconds.
 */
export const LOCK_DEADLINE_MS = 10_000;
/** How long until the lock is tried for again; meanwhile the event loop does other work. */
export const LOCK_PAUSE_MS = 2;

/** Calls `act` until it does not fail for a lock of another connection; after `deadlineMs`, it rejects as `act` does. */
export async function waitingWhileBusy<Result>(
  act: () => Result | Promise<Result>,
  deadlineMs = LOCK_DEADLINE_MS,
): Promise<Result> {
  const deadline = performance.now() + deadlineMs;
  for (;;) {
    try {
      return await act();
    } catch (error) {
      if (!isBusy(error) || performance.now() > deadline) throw error;
    }
    await pause(LOCK_PAUSE_MS);
  }
}
