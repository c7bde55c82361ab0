import { SYSTEM } from '@caisson/protocol/api';
import type { AuditAction, SessionId, TenantId, WorkspacePath } from '@caisson/protocol/api';
import type { ExecutionRecord } from '../model/execution-record.ts';
import { rfc3339 } from '../views/execution-view.ts';
import type { SessionRecord } from '../model/session-record.ts';
import type { NewApiKey, NewTenant } from '../store/tenants.ts';
import type { Principal } from '../model/principal.ts';
import type { Actor, ChainEnd, NewAuditRecord } from './audit-record.ts';

export type SessionAction = Extract<AuditAction, `session.${string}`>;
export type FileAction = Extract<AuditAction, `file.${string}`>;

export type FileDetails = {
  readonly path: WorkspacePath;
  /** Why the deletion is incomplete. */
  readonly reason?: 'unfinished';
  readonly size_bytes?: number;
};

export function tenantCreated({ id, name, createdAt }: NewTenant): NewAuditRecord {
  const details = { name };
  return { at: createdAt, tenantId: id, principal: SYSTEM, action: 'tenant.created', subject: id, details };
}

export function apiKeyCreated({ id, tenantId, name, role, createdAt }: NewApiKey): NewAuditRecord {
  const details = { name, role };
  return { at: createdAt, tenantId, principal: SYSTEM, action: 'api_key.created', subject: id, details };
}

/** The only event of an execution, written with its outcome: no extra transaction, and half the cost of two events. */
export function executionFinished(record: ExecutionRecord, by: Actor): NewAuditRecord {
  return {
    at: record.finishedAt ?? record.createdAt,
    tenantId: record.tenantId,
    principal: by,
    action: 'execution.finished',
    subject: record.id,
    details: {
      code_sha256: record.codeSha256,
      isolation: record.placement?.isolation ?? null,
      language: record.language,
      reason: record.state.reason,
      session_id: record.sessionId,
      status: record.state.status,
      submitted_by: record.submittedBy,
    },
  };
}

/** `record` is the session after the action. */
export function sessionChanged(record: SessionRecord, action: SessionAction, by: Actor): NewAuditRecord {
  return {
    at: record.terminatedAt ?? record.lastUsedAt,
    tenantId: record.tenantId,
    principal: by,
    action,
    subject: record.id,
    details: {
      expires_at: rfc3339(record.expiresAt),
      isolation: record.isolation,
      reason: record.state.reason,
      template_id: record.templateId,
    },
  };
}

/** The oldest events of a tenant were removed, up to `last`: the rest continues from its hash. */
export function trailTrimmed(tenantId: TenantId, last: ChainEnd, at: number): NewAuditRecord {
  const details = { hash: last.hash, sequence: last.sequence };
  return { at, tenantId, principal: SYSTEM, action: 'audit.trimmed', subject: tenantId, details };
}

/** A caller's change to a file of a workspace; what the code does there is not recorded. */
export function fileChanged(
  { tenantId, id: principal }: Principal,
  sessionId: SessionId,
  action: FileAction,
  details: FileDetails,
  at: number,
): NewAuditRecord {
  return { at, tenantId, principal, action, subject: sessionId, details };
}
