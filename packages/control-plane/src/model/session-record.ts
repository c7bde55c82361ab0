import { CREATING, nextSessionState } from '@caisson/protocol/api';
import type {
  Isolation,
  Language,
  NodeId,
  RuntimeName,
  SandboxId,
  SessionEvent,
  SessionId,
  SessionState,
  SessionStatus,
  TenantId,
} from '@caisson/protocol/api';
import type { Resources } from '@caisson/protocol/ports';

/** A session as recorded. Times are milliseconds since 1970. */
export interface SessionRecord {
  readonly id: SessionId;
  readonly tenantId: TenantId;
  readonly sandboxId: SandboxId;
  /** Node of its sandbox; `null` until one is chosen. */
  readonly nodeId: NodeId | null;
  readonly state: SessionState;
  readonly templateId: string;
  readonly languages: readonly [Language, ...Language[]];
  /** `null` until the sandbox exists. */
  readonly runtime: RuntimeName | null;
  readonly isolation: Isolation;
  readonly resources: Resources;
  readonly metadata: Readonly<Record<string, string>>;
  readonly idleTimeoutMs: number | null;
  readonly createdAt: number;
  readonly lastUsedAt: number;
  readonly expiresAt: number;
  readonly terminatedAt: number | null;
}

/** Statuses of a live session. */
export const LIVE_STATUSES = ['creating', 'running', 'paused'] as const satisfies SessionStatus[];

export type NewSession = Omit<SessionRecord, 'state' | 'runtime' | 'lastUsedAt' | 'terminatedAt'>;

export function creatingSession(fields: NewSession): SessionRecord {
  return {
    ...fields,
    state: CREATING,
    runtime: null,
    lastUsedAt: fields.createdAt,
    terminatedAt: null,
  };
}

/** The record after `event`; `undefined` if its state does not allow the event. */
export function advanceSession(
  record: SessionRecord,
  event: SessionEvent,
  at: number,
): SessionRecord | undefined {
  const state = nextSessionState(record.state, event);
  if (state === undefined) return undefined;
  return state.status === 'terminated' ? { ...record, state, terminatedAt: at } : { ...record, state };
}
