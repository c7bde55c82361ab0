import type { SessionReason } from '@caisson/protocol/api';
import type { SessionRecord } from '../model/session-record.ts';

export type ExpiryCheck =
  | { readonly keep: true }
  | { readonly keep: false; readonly reason: Extract<SessionReason, 'timeout' | 'idle_timeout'> };

type Expiring = Pick<SessionRecord, 'state' | 'expiresAt' | 'idleTimeoutMs' | 'lastUsedAt'>;

/** Whether a session is kept at `now`. A session that runs a step is not idle, but can still exceed its lifetime. */
export function checkExpiry(now: number, session: Expiring, runningSteps: number): ExpiryCheck {
  if (session.state.status === 'terminated') return { keep: true };
  if (now >= session.expiresAt) return { keep: false, reason: 'timeout' };
  if (session.idleTimeoutMs === null || runningSteps > 0) return { keep: true };
  return now - session.lastUsedAt >= session.idleTimeoutMs
    ? { keep: false, reason: 'idle_timeout' }
    : { keep: true };
}
