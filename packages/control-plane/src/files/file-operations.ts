import { CaissonError } from '@caisson/protocol/api';
import type { SessionId, TenantId } from '@caisson/protocol/api';

export interface FileOperationLimits {
  /** How many may run at once for one session. */
  readonly perSession: number;
  /** How many may run at once for one tenant; each holds at most one thread of the few that Node has for files. */
  readonly perTenant: number;
  /** How many of one tenant may wait. */
  readonly waitingPerTenant: number;
}

const RETRY_AFTER_SECONDS = 1;

/**
 * Lets file operations begin: a tenant's wait for each other, never for another tenant's. The sessions of a tenant take
 * turns, so that one with slow operations does not keep the others waiting.
 */
export class FileOperations {
  readonly #limits: FileOperationLimits;
  readonly #lines = new Map<TenantId, TenantLine>();

  constructor(limits: FileOperationLimits) {
    this.#limits = limits;
  }

  /**
   * Waits for a turn, which lasts until what is returned is disposed of.
   * @throws CaissonError `file_operations_limit_reached` where too many wait; the reason of `signal` when it aborts first
   */
  async enter(tenantId: TenantId, sessionId: SessionId, signal: AbortSignal): Promise<Disposable> {
    signal.throwIfAborted();
    const line = this.#lines.get(tenantId) ?? new TenantLine(this.#limits);
    this.#lines.set(tenantId, line);
    await line.enter(sessionId, signal);
    let left = false;
    return {
      [Symbol.dispose]: () => {
        if (left) return;
        left = true;
        line.leave(sessionId);
        if (line.isIdle) this.#lines.delete(tenantId);
      },
    };
  }
}

class TenantLine {
  readonly #limits: FileOperationLimits;
  readonly #running = new Map<SessionId, number>();
  /** In the order of whose turn it is; no list is empty. */
  readonly #waiting = new Map<SessionId, (() => void)[]>();
  #runningCount = 0;
  #waitingCount = 0;

  constructor(limits: FileOperationLimits) {
    this.#limits = limits;
  }

  get isIdle(): boolean {
    return this.#runningCount + this.#waitingCount === 0;
  }

  async enter(sessionId: SessionId, signal: AbortSignal): Promise<void> {
    if (this.#mayStart(sessionId)) {
      this.#start(sessionId);
      return;
    }
    const limit = this.#limits.waitingPerTenant;
    if (this.#waitingCount >= limit) {
      throw new CaissonError('file_operations_limit_reached', {
        limit,
        retryAfterSeconds: RETRY_AFTER_SECONDS,
      });
    }
    const turn: PromiseWithResolvers<void> = Promise.withResolvers();
    const begin = () => {
      this.#start(sessionId);
      turn.resolve();
    };
    const onAbort = () => {
      if (!this.#remove(sessionId, begin)) return;
      turn.reject(signal.reason);
    };
    this.#waiting.set(sessionId, [...(this.#waiting.get(sessionId) ?? []), begin]);
    this.#waitingCount += 1;
    signal.addEventListener('abort', onAbort, { once: true });
    try {
      await turn.promise;
    } finally {
      signal.removeEventListener('abort', onAbort);
    }
  }

  leave(sessionId: SessionId): void {
    this.#runningCount -= 1;
    const left = (this.#running.get(sessionId) ?? 0) - 1;
    if (left > 0) this.#running.set(sessionId, left);
    else this.#running.delete(sessionId);
    for (const [id, [next]] of this.#waiting) {
      if (next === undefined || !this.#mayStart(id)) continue;
      this.#remove(id, next);
      // Its next one goes behind those of the others.
      const rest = this.#waiting.get(id);
      if (rest !== undefined) {
        this.#waiting.delete(id);
        this.#waiting.set(id, rest);
      }
      next();
      return;
    }
  }

  #mayStart(sessionId: SessionId): boolean {
    const { perSession, perTenant } = this.#limits;
    return this.#runningCount < perTenant && (this.#running.get(sessionId) ?? 0) < perSession;
  }

  #start(sessionId: SessionId): void {
    this.#runningCount += 1;
    this.#running.set(sessionId, (this.#running.get(sessionId) ?? 0) + 1);
  }

  /** Returns whether it was still waiting. */
  #remove(sessionId: SessionId, begin: () => void): boolean {
    const all = this.#waiting.get(sessionId) ?? [];
    const rest = all.filter((one) => one !== begin);
    if (rest.length === all.length) return false;
    if (rest.length > 0) this.#waiting.set(sessionId, rest);
    else this.#waiting.delete(sessionId);
    this.#waitingCount -= 1;
    return true;
  }
}
