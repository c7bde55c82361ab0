import { assertNever } from '../assert-never.ts';

export const SESSION_STATUSES = ['creating', 'running', 'paused', 'terminated'] as const;
export type SessionStatus = (typeof SESSION_STATUSES)[number];

/** Why a session ended. */
export const SESSION_REASONS = [
  'requested',
  /** It had no request for `idle_timeout`. */
  'idle_timeout',
  /** Its `timeout`, counted from its creation or its last extension, has passed. */
  'timeout',
  /** Its sandbox could not be created. */
  'create_failed',
  /** Its sandbox, or the server that held it, was lost. */
  'sandbox_lost',
  'shutdown',
] as const;
export type SessionReason = (typeof SESSION_REASONS)[number];

export interface SessionState {
  readonly status: SessionStatus;
  /** `null` until it ends. */
  readonly reason: SessionReason | null;
}

export type SessionEvent =
  | { readonly type: 'created' }
  | { readonly type: 'paused' }
  | { readonly type: 'resumed' }
  | { readonly type: 'terminated'; readonly reason: SessionReason };

export const CREATING: SessionState = { status: 'creating', reason: null };

/** The state after `event`, or `undefined` if `event` cannot happen in `state`. */
export function nextSessionState(state: SessionState, event: SessionEvent): SessionState | undefined {
  if (state.status === 'terminated') return undefined;
  switch (event.type) {
    case 'created':
      return state.status === 'creating' ? { status: 'running', reason: null } : undefined;
    case 'paused':
      return state.status === 'running' ? { status: 'paused', reason: null } : undefined;
    case 'resumed':
      return state.status === 'paused' ? { status: 'running', reason: null } : undefined;
    case 'terminated':
      return { status: 'terminated', reason: event.reason };
    default:
      return assertNever(event);
  }
}
