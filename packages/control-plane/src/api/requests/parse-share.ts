import { CaissonError } from '@caisson/protocol/api';
import type { TenantId } from '@caisson/protocol/api';

/** Part of the event loop that the bodies of one tenant may take. */
const SHARE = 0.2;
/** What a tenant may take at once, in milliseconds of the event loop. */
const BURST_MS = 500;
const MAX_TENANTS = 10_000;

/**
 * Bounds what parsing the bodies of each tenant takes of the one event loop: few bytes can hold many values, and who sends
 * them again and again would stop all others.
 */
export class ParseShare {
  readonly #nowMs: () => number;
  readonly #balances = new Map<TenantId, { balanceMs: number; atMs: number }>();

  /** @param nowMs a clock that never goes back */
  constructor(nowMs: () => number) {
    this.#nowMs = nowMs;
  }

  /** What `parse` returns. @throws CaissonError `parse_share_exceeded`, and what `parse` throws */
  run<Result>(tenantId: TenantId, parse: () => Result): Result {
    const account = this.#account(tenantId);
    if (account.balanceMs < 0) {
      const retryAfterSeconds = Math.ceil(-account.balanceMs / SHARE / 1000);
      throw new CaissonError('parse_share_exceeded', { retryAfterSeconds });
    }
    try {
      return parse();
    } finally {
      const now = this.#nowMs();
      account.balanceMs -= now - account.atMs;
      account.atMs = now;
    }
  }

  #account(tenantId: TenantId) {
    const now = this.#nowMs();
    const known = this.#balances.get(tenantId);
    if (known !== undefined) {
      known.balanceMs = Math.min(BURST_MS, known.balanceMs + (now - known.atMs) * SHARE);
      known.atMs = now;
      return known;
    }
    if (this.#balances.size >= MAX_TENANTS) this.#balances.clear();
    const account = { balanceMs: BURST_MS, atMs: now };
    this.#balances.set(tenantId, account);
    return account;
  }
}
