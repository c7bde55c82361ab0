import { setTimeout as pause } from 'node:timers/promises';
import { isBusy } from './storage-failure.ts';

/**
 * How long a transaction waits for the lock of another connection, which is held for milliseconds, or for seconds by a
 * migration.
 */
export const LOCK_DEADLINE_MS = 10_000;
/** Pause between two attempts to get the lock; the event loop is free for other work. */
export const LOCK_PAUSE_MS = 2;

/** Retries `act` while another connection holds the lock; after `deadlineMs`, rejects with its error. */
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
