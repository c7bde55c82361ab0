import type { Language } from '@caisson/protocol/api';
import type { SessionRecord } from '../../model/session-record.ts';
import type { SessionsTable } from '../tables.ts';

export function toSessionRow(record: SessionRecord): SessionsTable {
  const { resources } = record;
  return {
    id: record.id,
    tenant_id: record.tenantId,
    sandbox_id: record.sandboxId,
    status: record.state.status,
    reason: record.state.reason,
    template_id: record.templateId,
    languages_json: JSON.stringify(record.languages),
    runtime: record.runtime,
    isolation: record.isolation,
    cpu_millicores: resources.cpuMillicores,
    memory_bytes: resources.memoryBytes,
    disk_bytes: resources.diskBytes,
    pids: resources.pids,
    metadata_json: JSON.stringify(record.metadata),
    idle_timeout_ms: record.idleTimeoutMs,
    created_at: record.createdAt,
    last_used_at: record.lastUsedAt,
    expires_at: record.expiresAt,
    terminated_at: record.terminatedAt,
    node_id: record.nodeId,
  };
}

export function fromSessionRow(row: SessionsTable): SessionRecord {
  return {
    id: row.id,
    tenantId: row.tenant_id,
    sandboxId: row.sandbox_id,
    nodeId: row.node_id,
    state: { status: row.status, reason: row.reason },
    templateId: row.template_id,
    languages: JSON.parse(row.languages_json) as [Language, ...Language[]],
    runtime: row.runtime,
    isolation: row.isolation,
    resources: {
      cpuMillicores: row.cpu_millicores,
      memoryBytes: row.memory_bytes,
      diskBytes: row.disk_bytes,
      pids: row.pids,
    },
    metadata: JSON.parse(row.metadata_json) as Record<string, string>,
    idleTimeoutMs: row.idle_timeout_ms,
    createdAt: row.created_at,
    lastUsedAt: row.last_used_at,
    expiresAt: row.expires_at,
    terminatedAt: row.terminated_at,
  };
}
