import { canBecome, QUEUED, RUNNING } from '@caisson/protocol/api';
import type {
  ExecutionId,
  ExecutionState,
  Language,
  NodeId,
  ReplicaId,
  SessionId,
  TenantId,
} from '@caisson/protocol/api';
import type { Placement, SandboxRequest, StepOutcome, StepRequest } from '@caisson/protocol/ports';
import type { PrincipalId } from './principal.ts';

/** An execution as recorded. Times are milliseconds since 1970. */
export interface ExecutionRecord {
  readonly id: ExecutionId;
  readonly tenantId: TenantId;
  /** `null` for a job. */
  readonly sessionId: SessionId | null;
  readonly state: ExecutionState;
  readonly language: Language;
  readonly templateId: string;
  readonly codeSha256: string;
  /** `null` if an earlier version recorded it. */
  readonly submittedBy: PrincipalId | null;
  readonly placement: Placement | null;
  /** Node that runs or ran it; `null` until it starts. */
  readonly nodeId: NodeId | null;
  /** Control plane that has or had it in its queue; `null` if an earlier version recorded it. */
  readonly replicaId: ReplicaId | null;
  readonly createdAt: number;
  readonly startedAt: number | null;
  readonly finishedAt: number | null;
  /** `null` until it ends. */
  readonly outcome: StepOutcome | null;
}

/** An execution in a list: without its output, error and return value, which may be megabytes. */
export interface ListedExecution extends Omit<
  ExecutionRecord,
  'codeSha256' | 'submittedBy' | 'replicaId' | 'outcome'
> {
  readonly outcome: Pick<StepOutcome, 'usage'> | null;
}

/** What a job needs to run without its caller: stored while it is queued, so that it survives a restart. */
export interface QueuedJob {
  readonly step: StepRequest;
  /** Without the quota, which is that of the server that runs it. */
  readonly sandbox: Omit<SandboxRequest, 'quota'>;
}

export type NewExecution = Omit<
  ExecutionRecord,
  'state' | 'placement' | 'nodeId' | 'startedAt' | 'finishedAt' | 'outcome'
>;

export function queuedExecution(fields: NewExecution): ExecutionRecord {
  return {
    ...fields,
    state: QUEUED,
    placement: null,
    nodeId: null,
    startedAt: null,
    finishedAt: null,
    outcome: null,
  };
}

/** The record after its start, or after its end; `undefined` if its state does not allow that. */
export function advance(
  record: ExecutionRecord,
  next: typeof RUNNING | StepOutcome,
  at: number,
): ExecutionRecord | undefined {
  if (!canBecome(record.state, next)) return undefined;
  if (next.status === 'running') return { ...record, state: RUNNING, startedAt: at };
  const { status, reason } = next;
  return { ...record, state: { status, reason } as ExecutionState, outcome: next, finishedAt: at };
}
