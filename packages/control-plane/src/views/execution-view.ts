import { errorOf, exitCodeOf, returnValueOf } from '@caisson/protocol/ports';
import type {
  ExecutionEvent,
  ExecutionResult,
  ExecutionSummary,
  JsonValue,
  executionLogs,
  executionStatusView,
} from '@caisson/protocol/api';
import type { OutputEvent } from '@caisson/protocol/ports';
import type { z } from 'zod';
import { embedded } from './embedded-json.ts';
import type { ExecutionRecord, ListedExecution } from '../model/execution-record.ts';

type Output = readonly OutputEvent[];
type Bundle = ExecutionResult['results'][number];

export function executionSummaryOf(record: ListedExecution): ExecutionSummary {
  const usage = record.outcome?.usage ?? null;
  return {
    execution_id: record.id,
    session_id: record.sessionId,
    status: record.state.status,
    reason: record.state.reason,
    language: record.language,
    template_id: record.templateId,
    runtime: record.placement?.runtime ?? null,
    isolation: record.placement?.isolation ?? null,
    isolation_scope: record.placement?.scope ?? null,
    metrics: {
      queue_ms: record.startedAt === null ? null : record.startedAt - record.createdAt,
      duration_ms: usage?.durationMs ?? null,
      cpu_ms: usage?.cpuMs ?? null,
      peak_memory_bytes: usage?.peakMemoryBytes ?? null,
    },
    created_at: rfc3339(record.createdAt),
    started_at: record.startedAt === null ? null : rfc3339(record.startedAt),
    finished_at: record.finishedAt === null ? null : rfc3339(record.finishedAt),
  };
}

export function executionResultOf(record: ExecutionRecord, output: Output): ExecutionResult {
  const { outcome } = record;
  const error = outcome && errorOf(outcome);
  const returnValue = outcome && returnValueOf(outcome);
  return {
    ...executionSummaryOf(record),
    stdout: textOf(output, 'stdout'),
    stderr: textOf(output, 'stderr'),
    truncated: outcome?.truncated ?? isTruncated(output),
    exit_code: outcome && exitCodeOf(outcome),
    return_value: returnValue === null ? null : (embedded(returnValue) as JsonValue),
    results: output.flatMap((event) => (event.type === 'result' ? [embedded(event.bundle) as Bundle] : [])),
    error: error && { ...error, traceback: [...error.traceback] },
    kernel_restarted: outcome?.kernelRestarted ?? false,
    artifacts: [],
  };
}

export function executionStatusOf(
  record: Pick<ExecutionRecord, 'id' | 'state'>,
): z.output<typeof executionStatusView> {
  return { execution_id: record.id, ...record.state };
}

export function executionLogsOf(record: ExecutionRecord, output: Output): z.output<typeof executionLogs> {
  return {
    execution_id: record.id,
    stdout: textOf(output, 'stdout'),
    stderr: textOf(output, 'stderr'),
    truncated: record.outcome?.truncated ?? isTruncated(output),
  };
}

/** The events before any output. */
export function firstEventsOf({
  id,
  startedAt,
}: Pick<ExecutionRecord, 'id' | 'startedAt'>): ExecutionEvent[] {
  const event = { type: 'status', execution_id: id, reason: null } as const;
  const queued = { ...event, status: 'queued' } as const;
  return startedAt === null ? [queued] : [queued, { ...event, status: 'running' }];
}

/** An output event as readers get it, live or replayed. */
export function eventOf(event: OutputEvent): ExecutionEvent {
  return event.type === 'result' ? { type: 'result', bundle: embedded(event.bundle) as Bundle } : event;
}

export function rfc3339(ms: number): string {
  return new Date(ms).toISOString();
}

function textOf(output: Output, stream: 'stdout' | 'stderr'): string {
  let text = '';
  for (const event of output) if (event.type === stream) text += event.text;
  return text;
}

function isTruncated(output: Output): boolean {
  return output.some((event) => event.type === 'truncated');
}
