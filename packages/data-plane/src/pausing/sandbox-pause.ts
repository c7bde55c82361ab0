import { setTimeout as delay } from 'node:timers/promises';
import { CaissonError } from '@caisson/protocol/api';

/** For all processes to stop, or to run again: a hundred times what thousands of forks a second delay it by. */
const TIMEOUT_MS = 5_000;
const RETRY_AFTER_SECONDS = 1;
const MAX_POLL_MS = 10;

/** The processes of one sandbox, as one thing that stands still or runs; see `Cgroup`. */
export interface Freezable {
  freeze(signal: AbortSignal): Promise<void>;
  thaw(signal: AbortSignal): Promise<void>;
  /** Host pids. */
  processes(): number[];
}

/**
 * Pauses and resumes one sandbox. A kill inside it needs it frozen for a moment, too: all of this happens in turn, and a kill leaves
 * a paused sandbox paused.
 */
export class SandboxPause {
  readonly #cgroup: Freezable;
  #lastTurn: Promise<void> = Promise.resolve();
  #paused = false;

  constructor(cgroup: Freezable) {
    this.#cgroup = cgroup;
  }

  /**
   * Stops every process; they stay as they are until `resume`. Pausing twice is the same as once.
   * @throws CaissonError `pause_failed`; the sandbox goes on running
   */
  async pause(signal: AbortSignal): Promise<void> {
    await this.#inTurn(async () => {
      const limit = deadline(signal);
      try {
        await this.#cgroup.freeze(limit);
      } catch (cause) {
        throw new CaissonError('pause_failed', { retryAfterSeconds: RETRY_AFTER_SECONDS }, { cause });
      }
      this.#paused = true;
    });
  }

  /**
   * Lets every process run again; without a pause it does nothing.
   * @throws CaissonError `resume_failed`; the sandbox stays paused
   */
  async resume(signal: AbortSignal): Promise<void> {
    await this.#inTurn(async () => {
      const limit = deadline(signal);
      try {
        await this.#cgroup.thaw(limit);
      } catch (cause) {
        throw new CaissonError('resume_failed', { retryAfterSeconds: RETRY_AFTER_SECONDS }, { cause });
      }
      this.#paused = false;
    });
  }

  /**
   * Sends signals to some processes while all of them stand still: none can fork, end or change its parent meanwhile.
   * @param strike returns the host pids of those that it killed. They end once they are thawed, and only then a pause goes on.
   */
  async whileFrozen(strike: () => readonly number[], signal: AbortSignal): Promise<void> {
    await this.#inTurn(async () => {
      let killed: readonly number[];
      try {
        await this.#cgroup.freeze(signal);
        killed = strike();
      } finally {
        await this.#cgroup.thaw(signal);
      }
      if (!this.#paused) return;
      await this.#untilGone(killed, signal);
      await this.#cgroup.freeze(signal);
    });
  }

  async #untilGone(pids: readonly number[], signal: AbortSignal): Promise<void> {
    const areGone = () => {
      const alive = new Set(this.#cgroup.processes());
      return !pids.some((pid) => alive.has(pid));
    };
    for (let waitMs = 1; !areGone(); waitMs = Math.min(waitMs * 2, MAX_POLL_MS))
      await delay(waitMs, undefined, { signal });
  }

  async #inTurn(act: () => Promise<void>): Promise<void> {
    const turn = this.#lastTurn.then(act);
    this.#lastTurn = turn.catch(() => undefined);
    await turn;
  }
}

function deadline(signal: AbortSignal): AbortSignal {
  return AbortSignal.any([signal, AbortSignal.timeout(TIMEOUT_MS)]);
}
