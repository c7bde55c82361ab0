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

/** An execution as it is kept. Times are milliseconds since 1970. */
export interface ExecutionRecord {
  readonly id: ExecutionId;
  readonly tenantId: TenantId;
  /** `null` for a job. */
  readonly sessionId: SessionId | null;
  readonly state: ExecutionState;
  readonly language: Language;
  readonly templateId: string;
  readonly codeSha256: string;
  /** `null` where an earlier version recorded it. */
  readonly submittedBy: PrincipalId | null;
  readonly placement: Placement | null;
  /** Where it runs or ran; `null` until it starts. */
  readonly nodeId: NodeId | null;
  /** Which control plane has it in its queue, or had it; `null` where an earlier version recorded it. */
  readonly replicaId: ReplicaId | null;
  readonly createdAt: number;
  readonly startedAt: number | null;
  readonly finishedAt: number | null;
  /** `null` until it ends. */
  readonly outcome: StepOutcome | null;
}

/** What a list shows of one: nothing that the code has made, for that may be megabytes. */
export interface ListedExecution extends Omit<
  ExecutionRecord,
  'codeSha256' | 'submittedBy' | 'replicaId' | 'outcome'
> {
  readonly outcome: Pick<StepOutcome, 'usage'> | null;
}

/** What a job needs to run without its caller: kept while it waits, so that it outlives a restart. */
export interface QueuedJob {
  readonly step: StepRequest;
  /** The quota is that of the server that runs it. */
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

/** The record after its start, or after its end; `undefined` where that cannot happen to it. */
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
