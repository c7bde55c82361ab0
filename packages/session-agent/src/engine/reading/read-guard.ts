import type { ByteSource } from '@caisson/protocol/ports';
import type { LoopAccount } from './loop-share.ts';

/** Limits each wait, so that a larger share takes effect soon. */
const MAX_WAIT_MS = 100;

/** Reads the output of a sandbox within its share of the event loop, and keeps errors away from other sandboxes. */
export class ReadGuard {
  readonly account: LoopAccount;
  readonly #onBroken: () => void;

  /** @param onBroken called when reading has thrown: the reader is unusable then */
  constructor(account: LoopAccount, onBroken: () => void) {
    this.account = account;
    this.#onBroken = onBroken;
  }

  /** Calls `read`; returns how many milliseconds to pause reading. */
  run(read: () => void): number {
    const startedMs = this.account.share.nowMs();
    try {
      read();
    } catch (error) {
      this.account.share.countBroken(error);
      this.#onBroken();
    }
    return this.account.spend(startedMs);
  }

  /** Resolves when reading may continue, in the next turn of the event loop at the earliest. */
  async turn(): Promise<void> {
    const { account } = this;
    if (account.waitMs() === 0) {
      await new Promise((resolve) => setImmediate(resolve));
      return;
    }
    using delay = account.delay();
    delay satisfies Disposable;
    while (account.waitMs() > 0) {
      const ms = Math.min(account.waitMs(), MAX_WAIT_MS);
      await new Promise((resolve) => setTimeout(resolve, ms).unref());
    }
  }
}

/** The same source, paused while the sandbox is over its share, so that the writer has to wait. */
export function guardedSource(source: ByteSource, guard: ReadGuard): ByteSource {
  const valve = new Valve(source, guard.account);
  return {
    read: (take, end) => {
      source.read(
        (bytes) => {
          const waitMs = guard.run(() => {
            take(bytes);
          });
          if (waitMs > 0) valve.wait(waitMs);
        },
        () => {
          guard.run(end);
        },
      );
    },
    pause: () => {
      valve.hold(true);
    },
    resume: () => {
      valve.hold(false);
    },
    close: () => {
      valve.close();
    },
  };
}

/** Open unless the reader holds it or the sandbox is over its share. */
class Valve {
  readonly #source: ByteSource;
  readonly #account: LoopAccount;
  #held = false;
  #waiting: NodeJS.Timeout | undefined;
  #delay: Disposable | undefined;
  #closed = false;

  constructor(source: ByteSource, account: LoopAccount) {
    this.#source = source;
    this.#account = account;
  }

  hold(held: boolean): void {
    this.#held = held;
    this.#follow();
  }

  wait(waitMs: number): void {
    if (this.#waiting !== undefined || this.#closed) return;
    this.#delay = this.#account.delay();
    this.#sleep(waitMs);
    this.#follow();
  }

  close(): void {
    this.#closed = true;
    this.#endWait();
    this.#source.close();
  }

  #sleep(waitMs: number): void {
    this.#waiting = setTimeout(
      () => {
        const left = this.#account.waitMs();
        if (left > 0) this.#sleep(left);
        else {
          this.#endWait();
          this.#follow();
        }
      },
      Math.min(waitMs, MAX_WAIT_MS),
    ).unref();
  }

  #endWait(): void {
    if (this.#waiting === undefined) return;
    clearTimeout(this.#waiting);
    this.#waiting = undefined;
    this.#delay?.[Symbol.dispose]();
  }

  #follow(): void {
    if (this.#closed) return;
    if (this.#held || this.#waiting !== undefined) this.#source.pause();
    else this.#source.resume();
  }
}
