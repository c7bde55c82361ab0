import { CaissonError } from '@caisson/protocol/api';
import type { TenantId } from '@caisson/protocol/api';

/** Share of the event loop's time for parsing the bodies of one tenant. */
const SHARE = 0.2;
/** Burst allowance of a tenant, in milliseconds of the event loop. */
const BURST_MS = 500;
const MAX_TENANTS = 10_000;

/**
 * Limits how much of the event loop's time goes into parsing the bodies of each tenant: a small body can hold many values, and a
 * caller that keeps sending such bodies would block all others.
 */
export class ParseShare {
  readonly #nowMs: () => number;
  readonly #balances = new Map<TenantId, { balanceMs: number; atMs: number }>();

  /** @param nowMs a monotonic clock */
  constructor(nowMs: () => number) {
    this.#nowMs = nowMs;
  }

  /** Calls `parse` and returns its result. @throws CaissonError `parse_share_exceeded`, and what `parse` throws */
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
