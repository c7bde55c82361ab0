import { assertNever, isFinished } from '@caisson/protocol/api';
import { errorOf, exitCodeOf, stoppedOutcome } from '@caisson/protocol/ports';
import type { ExecutionEnd, ExecutionState } from '@caisson/protocol/api';
import type { CodeError, JsonText, StepFacts, StepOutcome, StepUsage } from '@caisson/protocol/ports';
import type { Selectable } from 'kysely';
import type { ExecutionRecord, ListedExecution } from '../../model/execution-record.ts';
import type { ExecutionsTable } from '../tables.ts';

/** The columns of a record; the repository writes the other two itself. */
export type ExecutionRow = Omit<Selectable<ExecutionsTable>, 'request_json' | 'output_expired'>;

/** The output stored in the row of an execution, and how many bytes are in rows of another table. */
export interface OutputInRow {
  readonly returnValue: JsonText | null;
  readonly items: Uint8Array | null;
  readonly bytesElsewhere: number;
}

export const NO_OUTPUT: OutputInRow = { returnValue: null, items: null, bytesElsewhere: 0 };

export function toExecutionRow(
  record: ExecutionRecord,
  { returnValue, items, bytesElsewhere }: OutputInRow,
): ExecutionRow {
  const { outcome, placement } = record;
  const usage = outcome?.usage ?? null;
  const error = outcome && errorOf(outcome);
  const errorJson = error === null ? null : JSON.stringify(error);
  const textBytes = Buffer.byteLength(returnValue ?? '') + Buffer.byteLength(errorJson ?? '');
  const outputBytes = bytesElsewhere + textBytes + (items?.length ?? 0);
  return {
    id: record.id,
    tenant_id: record.tenantId,
    session_id: record.sessionId,
    status: record.state.status,
    reason: record.state.reason,
    language: record.language,
    template_id: record.templateId,
    runtime: placement?.runtime ?? null,
    isolation: placement?.isolation ?? null,
    isolation_scope: placement?.scope ?? null,
    code_sha256: record.codeSha256,
    submitted_by: record.submittedBy,
    created_at: record.createdAt,
    started_at: record.startedAt,
    finished_at: record.finishedAt,
    duration_ms: usage?.durationMs ?? null,
    cpu_ms: usage?.cpuMs ?? null,
    peak_memory_bytes: usage?.peakMemoryBytes ?? null,
    exit_code: outcome && exitCodeOf(outcome),
    return_value_json: returnValue,
    error_json: errorJson,
    truncated: outcome?.truncated === true ? 1 : 0,
    kernel_restarted: outcome?.kernelRestarted === true ? 1 : 0,
    output_bytes: outputBytes === 0 ? null : outputBytes,
    output_items: items,
    node_id: record.nodeId,
    replica_id: record.replicaId,
  };
}

/** The columns of `ListedExecution`: without those that can be large. */
export const LISTED_COLUMNS = [
  'id',
  'tenant_id',
  'session_id',
  'status',
  'reason',
  'language',
  'template_id',
  'runtime',
  'isolation',
  'isolation_scope',
  'created_at',
  'started_at',
  'finished_at',
  'duration_ms',
  'cpu_ms',
  'peak_memory_bytes',
  'node_id',
] as const satisfies (keyof ExecutionsTable)[];
type ListedRow = Pick<ExecutionRow, (typeof LISTED_COLUMNS)[number]>;

export const UNFINISHED_COLUMNS = [...LISTED_COLUMNS, 'code_sha256', 'submitted_by', 'replica_id'] as const;

export function fromListedRow(row: ListedRow): ListedExecution {
  const { runtime, isolation, isolation_scope: scope } = row;
  return {
    id: row.id,
    tenantId: row.tenant_id,
    sessionId: row.session_id,
    state: stateOf(row),
    language: row.language,
    templateId: row.template_id,
    placement:
      runtime === null || isolation === null || scope === null ? null : { runtime, isolation, scope },
    nodeId: row.node_id,
    createdAt: row.created_at,
    startedAt: row.started_at,
    finishedAt: row.finished_at,
    outcome: isFinished(row.status) ? { usage: usageOf(row) } : null,
  };
}

export function fromUnfinishedRow(
  row: Pick<ExecutionRow, (typeof UNFINISHED_COLUMNS)[number]>,
): ExecutionRecord {
  const { code_sha256: codeSha256, submitted_by: submittedBy, replica_id: replicaId } = row;
  return { ...fromListedRow(row), codeSha256, submittedBy, replicaId, outcome: null };
}

export function fromExecutionRow(row: ExecutionRow): ExecutionRecord {
  const outcome = isFinished(row.status) ? outcomeOf(row) : null;
  return { ...fromUnfinishedRow(row), outcome };
}

function usageOf(row: ListedRow): StepUsage | null {
  const { duration_ms: durationMs, cpu_ms: cpuMs, peak_memory_bytes: peakMemoryBytes } = row;
  return durationMs === null || cpuMs === null ? null : { durationMs, cpuMs, peakMemoryBytes };
}

/** Values missing in the row were never known, or were removed with the output: they get neutral defaults. */
function outcomeOf(row: ExecutionRow): StepOutcome {
  const facts: StepFacts = {
    truncated: row.truncated !== 0,
    kernelRestarted: row.kernel_restarted !== 0,
    usage: usageOf(row),
  };
  const end = stateOf(row) as ExecutionEnd;
  if (end.status === 'succeeded') {
    return { ...facts, ...end, exitCode: 0, returnValue: row.return_value_json as JsonText | null };
  }
  if (end.status !== 'failed') return stoppedOutcome(end.reason, facts);
  const { status, reason } = end;
  switch (reason) {
    case 'exception':
      return { ...facts, status, reason, exitCode: row.exit_code ?? 1, error: errorOfRow(row, reason) };
    case 'exit_code':
      return { ...facts, status, reason, exitCode: row.exit_code ?? 1 };
    case 'out_of_memory':
    case 'kernel_crashed':
      return { ...facts, status, reason };
    case 'sandbox_lost':
    case 'sandbox_unavailable':
    case 'insufficient_capacity':
      return { ...facts, status, reason, error: errorOfRow(row, reason) };
    default:
      return assertNever(reason);
  }
}

function errorOfRow({ error_json: json }: ExecutionRow, name: string): CodeError {
  return json === null ? { name, message: '', traceback: [] } : (JSON.parse(json) as CodeError);
}

function stateOf({ status, reason }: Pick<ExecutionRow, 'status' | 'reason'>): ExecutionState {
  return { status, reason } as ExecutionState;
}
