import type {
  ApiKeyId,
  AuditAction,
  ExecutionId,
  ExecutionReason,
  ExecutionStatus,
  Isolation,
  IsolationScope,
  Language,
  NodeId,
  ReplicaId,
  Role,
  RuntimeName,
  SandboxId,
  SessionId,
  SessionReason,
  SessionStatus,
  TenantId,
} from '@caisson/protocol/api';
import type { PrincipalId } from '../model/principal.ts';
import type { Generated } from 'kysely';
import type { Actor } from '../audit/audit-record.ts';

/** Times are milliseconds since 1970; `_json` columns hold JSON text; flags are 0 or 1. */
export interface Tables {
  tenants: TenantsTable;
  api_keys: ApiKeysTable;
  sessions: SessionsTable;
  executions: ExecutionsTable;
  execution_outputs: ExecutionOutputsTable;
  execution_output_pages: ExecutionOutputPagesTable;
  idempotency_keys: IdempotencyKeysTable;
  audit_events: AuditEventsTable;
  audit_checkpoints: AuditCheckpointsTable;
  replicas: ReplicasTable;
  storage_probe: StorageProbeTable;
}

interface TenantsTable {
  id: TenantId;
  name: string;
  created_at: number;
}

interface ApiKeysTable {
  id: ApiKeyId;
  tenant_id: TenantId;
  name: string;
  hash: string;
  role: Role;
  created_at: number;
}

export interface SessionsTable {
  id: SessionId;
  tenant_id: TenantId;
  sandbox_id: SandboxId;
  status: SessionStatus;
  reason: SessionReason | null;
  template_id: string;
  languages_json: string;
  runtime: RuntimeName | null;
  isolation: Isolation;
  cpu_millicores: number;
  memory_bytes: number;
  disk_bytes: number;
  pids: number;
  metadata_json: string;
  idle_timeout_ms: number | null;
  created_at: number;
  last_used_at: number;
  expires_at: number;
  terminated_at: number | null;
  node_id: NodeId | null;
}

export interface ExecutionsTable {
  id: ExecutionId;
  tenant_id: TenantId;
  session_id: SessionId | null;
  status: ExecutionStatus;
  reason: ExecutionReason | null;
  language: Language;
  template_id: string;
  runtime: RuntimeName | null;
  isolation: Isolation | null;
  isolation_scope: IsolationScope | null;
  code_sha256: string;
  submitted_by: PrincipalId | null;
  /** Only while it is queued and can run without its caller: code and secrets are not stored longer. */
  request_json: string | null;
  created_at: number;
  started_at: number | null;
  finished_at: number | null;
  duration_ms: number | null;
  cpu_ms: number | null;
  peak_memory_bytes: number | null;
  exit_code: number | null;
  return_value_json: string | null;
  error_json: string | null;
  truncated: number;
  kernel_restarted: number;
  /** Size of its output, including return value and error; null if there is none, or it was removed. */
  output_bytes: number | null;
  /** The only page of its output, if small; see `ExecutionOutputPagesTable`. */
  output_items: Uint8Array | null;
  /** Whether its output was removed because the tenant exceeded its limit. */
  output_expired: Generated<number>;
  node_id: NodeId | null;
  /** Replica that has it in its queue; see `replicas`. */
  replica_id: ReplicaId | null;
}

/** Output of earlier versions: read, and removed by retention, but no longer written. */
interface ExecutionOutputsTable {
  execution_id: ExecutionId;
  events_json: string;
}

/** Output events in order; stdout, stderr, results and replays are derived from them. See `output-pages.ts`. */
export interface ExecutionOutputPagesTable {
  execution_id: ExecutionId;
  /** Page number, from 0. */
  page: number;
  /** Number of events on the previous pages. */
  first_event: number;
  items: Uint8Array;
}

export interface IdempotencyKeysTable {
  tenant_id: TenantId;
  endpoint: string;
  key: string;
  fingerprint: string;
  resource_id: string;
  created_at: number;
}

/** Rows are added and never changed; the oldest are removed up to a checkpoint. See `audit/chain.ts`. */
export interface AuditEventsTable {
  sequence: number;
  at: number;
  tenant_id: TenantId;
  principal: Actor;
  action: AuditAction;
  subject: string;
  details_json: string;
  previous_hash: string;
  hash: string;
}

/** Control planes that share this database, with the time of each one's last heartbeat. */
interface ReplicasTable {
  id: ReplicaId;
  seen_at: number;
}

/** One row, which is rewritten to probe whether writes work. */
interface StorageProbeTable {
  id: number;
  filler: Uint8Array;
}

/** The newest event of a tenant that was removed because of its age: its trail begins after it. */
interface AuditCheckpointsTable {
  tenant_id: TenantId;
  sequence: number;
  hash: string;
}
