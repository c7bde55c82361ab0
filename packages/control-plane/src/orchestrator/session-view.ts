import type { Session } from '@caisson/protocol';
import { rfc3339 } from './execution-view.ts';
import type { SessionRecord } from './session-record.ts';

const MIB = 2 ** 20;

export function sessionOf(record: SessionRecord): Session {
  const { resources } = record;
  return {
    session_id: record.id,
    status: record.state.status,
    reason: record.state.reason,
    template_id: record.templateId,
    languages: [...record.languages],
    runtime: record.runtime,
    isolation: record.isolation,
    resources: {
      cpu: String(resources.cpuMillicores / 1000),
      memory: quantity(resources.memoryBytes),
      disk: quantity(resources.diskBytes),
      pids: resources.pids,
    },
    metadata: { ...record.metadata },
    idle_timeout: record.idleTimeoutMs === null ? null : record.idleTimeoutMs / 1000,
    created_at: rfc3339(record.createdAt),
    last_used_at: rfc3339(record.lastUsedAt),
    expires_at: rfc3339(record.expiresAt),
    terminated_at: record.terminatedAt === null ? null : rfc3339(record.terminatedAt),
  };
}

/** The shortest way to write it that loses nothing. */
function quantity(bytes: number): string {
  if (bytes % (1024 * MIB) === 0) return `${bytes / (1024 * MIB)}Gi`;
  return bytes % MIB === 0 ? `${bytes / MIB}Mi` : String(bytes);
}
