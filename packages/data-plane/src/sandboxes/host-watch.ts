import type { Logger } from 'pino';

/** Parts of the host that all sandboxes share and need. */
export interface SharedHost {
  /** The part that is gone, as readable text; `undefined` while all is there. Fast. */
  problem(): string | undefined;
  /** Resolves when a part that reports its own end has ended. */
  readonly ended: Promise<void>;
  /** Kills all processes of all sandboxes. */
  killAll(signal: AbortSignal): Promise<void>;
}

const CHECK_INTERVAL_MS = 2_000;
const KILL_TIMEOUT_MS = 10_000;

/**
 * Detects the loss of something that all sandboxes need. They are killed then: they can no longer be relied on, and no new ones
 * can be created. Nothing is repaired in place, because it is unknown what else is broken: the process should exit.
 */
export class HostWatch implements Disposable {
  /** Resolves with the failure, once the sandboxes are dead and `afterKill` is done. */
  readonly failed: Promise<Error>;
  readonly #host: SharedHost;
  readonly #logger: Logger;
  readonly #afterKill: () => Promise<void>;
  readonly #gone = Promise.withResolvers<string>();
  readonly #timer: NodeJS.Timeout;
  #problem: string | undefined;
  #disposed = false;

  constructor(host: SharedHost, logger: Logger, afterKill: () => Promise<void>) {
    this.failed = this.#gone.promise.then(async (problem) => this.#endAll(problem));
    this.#host = host;
    this.#logger = logger;
    this.#afterKill = afterKill;
    const check = this.isWhole.bind(this);
    this.#timer = setInterval(check, CHECK_INTERVAL_MS).unref();
    host.ended.then(check, check);
  }

  /** The failure; empty while all is there. */
  get problems(): readonly string[] {
    return this.#problem === undefined ? [] : [this.#problem];
  }

  /** Checks now whether all is there. A failure is final. */
  isWhole(): boolean {
    if (this.#disposed || this.#problem !== undefined) return this.#problem === undefined;
    this.#problem = this.#host.problem();
    if (this.#problem === undefined) return true;
    this.#logger.fatal({ problem: this.#problem }, 'host failure: all sandboxes are ended');
    this.#gone.resolve(this.#problem);
    return false;
  }

  [Symbol.dispose](): void {
    this.#disposed = true;
    clearInterval(this.#timer);
  }

  async #endAll(problem: string): Promise<Error> {
    try {
      await this.#host.killAll(AbortSignal.timeout(KILL_TIMEOUT_MS));
      await this.#afterKill();
    } catch (error) {
      this.#logger.error({ err: error }, 'sandboxes not ended');
    }
    return new Error(problem);
  }
}
