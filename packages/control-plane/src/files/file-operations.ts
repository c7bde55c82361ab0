import { CaissonError } from '@caisson/protocol/api';
import type { SessionId, TenantId } from '@caisson/protocol/api';

export interface FileOperationLimits {
  /** Concurrent operations of one session. */
  readonly perSession: number;
  /** Concurrent operations of one tenant; each takes at most one of the few threads that Node has for files. */
  readonly perTenant: number;
  /** Queued operations of one tenant. */
  readonly waitingPerTenant: number;
}

const RETRY_AFTER_SECONDS = 1;

/**
 * Queues file operations by tenant: they wait only for operations of the same tenant. The sessions of a tenant take turns, so
 * that a session with slow operations does not block the others.
 */
export class FileOperations {
  readonly #limits: FileOperationLimits;
  readonly #queues = new Map<TenantId, TenantQueue>();

  constructor(limits: FileOperationLimits) {
    this.#limits = limits;
  }

  /**
   * Waits for a turn, which ends when the returned object is disposed of.
   * @throws CaissonError `file_operations_limit_reached` if too many are queued; the reason of `signal` if it aborts first
   */
  async enter(tenantId: TenantId, sessionId: SessionId, signal: AbortSignal): Promise<Disposable> {
    signal.throwIfAborted();
    const queue = this.#queues.get(tenantId) ?? new TenantQueue(this.#limits);
    this.#queues.set(tenantId, queue);
    await queue.enter(sessionId, signal);
    let left = false;
    return {
      [Symbol.dispose]: () => {
        if (left) return;
        left = true;
        queue.leave(sessionId);
        if (queue.isIdle) this.#queues.delete(tenantId);
      },
    };
  }
}

class TenantQueue {
  readonly #limits: FileOperationLimits;
  readonly #running = new Map<SessionId, number>();
  /** Sessions in the order of their turns; no list is empty. */
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
      // The session goes to the end of the rotation.
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

  /** Removes a waiting operation; returns whether it was still waiting. */
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
