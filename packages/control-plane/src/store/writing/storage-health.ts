import { CaissonError, isCaissonError } from '@caisson/protocol/api';

const FIRST_PAUSE_MS = 200;
const LONGEST_PAUSE_MS = 5000;

export interface StorageHealthOptions {
  /** Writes something small; rejects if the storage fails. */
  readonly probe: () => Promise<void>;
  /** Called with the cause when writes begin to fail, and with `undefined` when they work again. */
  readonly onChange?: ((failure: unknown) => void) | undefined;
  readonly firstPauseMs?: number;
}

interface Unwritten {
  /** Rejects only if the storage failed again; any other result settles the promise of the caller. */
  readonly attempt: () => Promise<void>;
  readonly giveUp: (error: unknown) => void;
}

/**
 * Tracks whether writes reach the disk. From the first failure on, it keeps the writes that must not be lost, and retries with
 * exponential backoff; writes work again once a probe and all kept writes have succeeded.
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

  /** Number of kept writes. */
  get unwritten(): number {
    return this.#unwritten.length;
  }

  /** Call before an action that must be recorded. @throws CaissonError `storage_unavailable` */
  assertWorking(): void {
    if (!this.#working) throw this.unavailable();
  }

  /** Called by the writer for each write that failed because of the storage. */
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
   * Keeps `write`, which failed with `storage_unavailable`, and retries it until it succeeds; kept writes are retried in the
   * order of these calls. Rejects if it fails for another reason, and with `storage_unavailable` when the server stops. The
   * caller limits the number of kept writes.
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

  /** Calls `write`; if the storage fails, throws `storage_unavailable` now and retries it later. */
  async orLater<Result>(write: () => Promise<Result>): Promise<Result> {
    try {
      return await write();
    } catch (error) {
      // Nobody waits for the later attempt: its error is ignored.
      if (isCaissonError(error, 'storage_unavailable')) this.untilWritten(write).catch(() => undefined);
      throw error;
    }
  }

  /** Retries once more, and gives up the writes that still fail. */
  async [Symbol.asyncDispose](): Promise<void> {
    this.#closed = true;
    clearTimeout(this.#timer);
    await this.#attempt;
    if (!this.#working) await this.#retry();
    for (const { giveUp } of this.#unwritten.splice(0)) giveUp(this.unavailable());
  }

  #schedule(): void {
    if (this.#closed) return;
    this.#timer = setTimeout(() => {
      this.#attempt = this.#retry();
    }, this.#pauseMs).unref();
  }

  /** Never rejects. */
  async #retry(): Promise<void> {
    try {
      await this.#options.probe();
      for (let next = this.#unwritten[0]; next !== undefined; next = this.#unwritten[0]) {
        await next.attempt();
        this.#unwritten.shift();
      }
    } catch {
      // The cause was reported with the first failure.
      this.#pauseMs = Math.min(2 * this.#pauseMs, LONGEST_PAUSE_MS);
      this.#schedule();
      return;
    }
    this.#working = true;
    this.#options.onChange?.(undefined);
  }
}
