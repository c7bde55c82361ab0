import type { Logger } from 'pino';

/** What all sandboxes of a data plane share and cannot live without. */
export interface SharedHost {
  /** What of it is gone, for a person to read; `undefined` while all of it is there. Quick. */
  problem(): string | undefined;
  /** Resolves when a part of it has ended that can tell so by itself. */
  readonly ended: Promise<void>;
  /** Kills all processes of all sandboxes. */
  killAll(signal: AbortSignal): Promise<void>;
}

const CHECK_INTERVAL_MS = 2_000;
const KILL_TIMEOUT_MS = 10_000;

/**
 * Finds out when something is gone that all sandboxes need. They are killed then: what is left of them cannot be relied on, and
 * no new ones can be made. It is not mended in place, for what else is broken cannot be known: the process is to end.
 */
export class HostWatch implements Disposable {
  /** Resolves with what happened, once the sandboxes are dead and `afterKill` is done. */
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

  /** What is gone; empty while all is there. */
  get problems(): readonly string[] {
    return this.#problem === undefined ? [] : [this.#problem];
  }

  /** Looks at once whether all is there. What is gone once stays so. */
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
