import { CaissonError, isCaissonError } from '@caisson/protocol/api';

const FIRST_PAUSE_MS = 200;
const LONGEST_PAUSE_MS = 5000;

export interface StorageHealthOptions {
  /** Writes something small; rejects where the storage fails. */
  readonly probe: () => Promise<void>;
  /** Called when writes begin to fail, with the cause, and with `undefined` when they work again. */
  readonly onChange?: ((failure: unknown) => void) | undefined;
  readonly firstPauseMs?: number;
}

interface Unwritten {
  /** Rejects only where the storage failed again; what else comes of it, its caller is told. */
  readonly attempt: () => Promise<void>;
  readonly giveUp: (error: unknown) => void;
}

/**
 * Knows whether writes reach the disk. From the first that fails on, it keeps what must be written in the end, and tries
 * again with longer and longer pauses; writes work again once a probe and all that it keeps are written.
 */
export class StorageHealth implements AsyncDisposable {
  readonly #options: StorageHealthOptions;
  readonly #unwritten: Unwritten[] = [];
  #working = true;
  #closed = false;
  #pauseMs = 0;
  #timer: NodeJS.Timeout | undefined;
  #attempt: Promise<void> | undefined;

  constructor(options: StorageHealthOptions) {
    this.#options = options;
  }

  get working(): boolean {
    return this.#working;
  }

  /** How many writes it keeps. */
  get unwritten(): number {
    return this.#unwritten.length;
  }

  /** For whoever is about to do what must be recorded. @throws CaissonError `storage_unavailable` */
  assertWorking(): void {
    if (!this.#working) throw this.unavailable();
  }

  /** Told by the writer of each write that the storage failed. */
  failed(cause: unknown): void {
    if (!this.#working) return;
    this.#working = false;
    this.#pauseMs = this.#options.firstPauseMs ?? FIRST_PAUSE_MS;
    this.#options.onChange?.(cause);
    this.#schedule();
  }

  unavailable(cause?: unknown): CaissonError<'storage_unavailable'> {
    const retryAfterSeconds = Math.max(1, Math.ceil(this.#pauseMs / 1000));
    return new CaissonError('storage_unavailable', { retryAfterSeconds }, { cause });
  }

  /**
   * Keeps `write`, which failed with `storage_unavailable`, and calls it again until it is written: in the order of these
   * calls. Rejects where it fails for another reason, and with `storage_unavailable` at the end of the server.
   * The caller bounds how many there are.
   */
  untilWritten<Result>(write: () => Promise<Result>): Promise<Result> {
    if (this.#closed) return Promise.reject(this.unavailable());
    const { promise, resolve, reject } = Promise.withResolvers<Result>();
    const attempt = async () => {
      try {
        resolve(await write());
      } catch (error) {
        if (isCaissonError(error, 'storage_unavailable')) throw error;
        reject(error);
      }
    };
    this.#unwritten.push({ attempt, giveUp: reject });
    this.failed(this.unavailable());
    return promise;
  }

  /** Calls `write`; where the storage fails, it is made later, and `storage_unavailable` thrown now. */
  async orLater<Result>(write: () => Promise<Result>): Promise<Result> {
    try {
      return await write();
    } catch (error) {
      // Whether it fails then for another reason, nobody waits to hear.
      if (isCaissonError(error, 'storage_unavailable')) this.untilWritten(write).catch(() => undefined);
      throw error;
    }
  }

  /** Tries once more, and gives up what cannot be written. */
  async [Symbol.asyncDispose](): Promise<void> {
    this.#closed = true;
    clearTimeout(this.#timer);
    await this.#attempt;
    if (!this.#working) await this.#tryAgain();
    for (const { giveUp } of this.#unwritten.splice(0)) giveUp(this.unavailable());
  }

  #schedule(): void {
    if (this.#closed) return;
    this.#timer = setTimeout(() => {
      this.#attempt = this.#tryAgain();
    }, this.#pauseMs).unref();
  }

  /** Never rejects. */
  async #tryAgain(): Promise<void> {
    try {
      await this.#options.probe();
      for (let next = this.#unwritten[0]; next !== undefined; next = this.#unwritten[0]) {
        await next.attempt();
        this.#unwritten.shift();
      }
    } catch {
      // Why it fails was told when it began.
      this.#pauseMs = Math.min(2 * this.#pauseMs, LONGEST_PAUSE_MS);
      this.#schedule();
      return;
    }
    this.#working = true;
    this.#options.onChange?.(undefined);
  }
}
