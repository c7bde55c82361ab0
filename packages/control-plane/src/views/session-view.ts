import type { Session } from '@caisson/protocol/api';
import { rfc3339 } from './execution-view.ts';
import { resourcesOf } from './resources-view.ts';
import type { SessionRecord } from '../model/session-record.ts';

export function sessionOf(record: SessionRecord): Session {
  return {
    session_id: record.id,
    status: record.state.status,
    reason: record.state.reason,
    template_id: record.templateId,
    languages: [...record.languages],
    runtime: record.runtime,
    isolation: record.isolation,
    resources: resourcesOf(record.resources),
    metadata: { ...record.metadata },
    idle_timeout: record.idleTimeoutMs === null ? null : record.idleTimeoutMs / 1000,
    created_at: rfc3339(record.createdAt),
    last_used_at: rfc3339(record.lastUsedAt),
    expires_at: rfc3339(record.expiresAt),
    terminated_at: record.terminatedAt === null ? null : rfc3339(record.terminatedAt),
  };
}
