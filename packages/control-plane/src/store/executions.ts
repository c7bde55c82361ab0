import type { Kysely } from 'kysely';
import { jsonTextOf } from '@caisson/protocol';
import type {
  ExecutionId,
  ExecutionStatus,
  JsonValue,
  OutputEvent,
  SessionId,
  TenantId,
} from '@caisson/protocol';
import type { Actor } from '../audit/audit-record.ts';
import { executionFinished } from '../audit/records.ts';
import type { ExecutionRecord, ListedExecution, QueuedJob } from '../orchestrator/execution-record.ts';
import {
  fromExecutionRow,
  fromListedRow,
  fromUnfinishedRow,
  LISTED_COLUMNS,
  toExecutionRow,
  UNFINISHED_COLUMNS,
} from './execution-rows.ts';
import type { ExecutionRow } from './execution-rows.ts';
import { prepareQuery } from './prepared-query.ts';
import type { ExecutionOutputsTable, ExecutionsTable, Tables } from './tables.ts';
import { transactionWriter } from './writer.ts';
import type { Writer } from './writer.ts';

const UNFINISHED_AT_ONCE = 100;

export interface ExecutionFilter {
  readonly limit: number;
  /** The last id of the page before. */
  readonly after: string | undefined;
  readonly status: ExecutionStatus | undefined;
  readonly sessionId: SessionId | undefined;
}

export interface UnfinishedExecution {
  readonly record: ExecutionRecord;
  readonly job: QueuedJob | null;
}

/** Executions and their output. Nothing here decides a state: records are written as they are given. */
export interface ExecutionRepository {
  /** `job` is kept until the execution starts or ends. */
  insert(record: ExecutionRecord, job: QueuedJob | null): Promise<void>;
  /** Writes state and times, and forgets the kept job. */
  update(record: ExecutionRecord): Promise<void>;
  /**
   * Writes the end, the whole output and what the audit trail tells of it in one transaction, and forgets the kept job;
   * `by` is who ended it.
   */
  finish(record: ExecutionRecord, output: readonly OutputEvent[], by: Actor): Promise<void>;
  find(tenantId: TenantId, id: ExecutionId): Promise<ExecutionRecord | undefined>;
  output(id: ExecutionId): Promise<OutputEvent[]>;
  /** Newest first. */
  list(tenantId: TenantId, filter: ExecutionFilter): Promise<ListedExecution[]>;
  /** Of all tenants, oldest first. One job is in memory at a time: together they may be hundreds of megabytes. */
  unfinished(): AsyncIterable<UnfinishedExecution>;
}

export function executionRepository(
  db: Kysely<Tables>,
  writer: Writer = transactionWriter(db),
): ExecutionRepository {
  const insert = prepareQuery<ExecutionsTable>((value) =>
    db.insertInto('executions').values({
      ...changing(value),
      id: value('id'),
      tenant_id: value('tenant_id'),
      session_id: value('session_id'),
      language: value('language'),
      template_id: value('template_id'),
      code_sha256: value('code_sha256'),
      submitted_by: value('submitted_by'),
      request_json: value('request_json'),
      created_at: value('created_at'),
    }),
  );
  const update = prepareQuery<ExecutionRow>((value) =>
    db
      .updateTable('executions')
      .set({ ...changing(value), request_json: null })
      .where('id', '=', value('id')),
  );
  const insertOutput = prepareQuery<ExecutionOutputsTable>((value) =>
    db
      .insertInto('execution_outputs')
      .values({ execution_id: value('execution_id'), events_json: value('events_json') }),
  );
  const queuedJob = async (id: ExecutionId): Promise<QueuedJob | null> => {
    const row = await db
      .selectFrom('executions')
      .select('request_json')
      .where('id', '=', id)
      .executeTakeFirst();
    return row === undefined || row.request_json === null
      ? null
      : (JSON.parse(row.request_json) as QueuedJob);
  };
  return {
    insert(record, job) {
      const row = { ...toExecutionRow(record), request_json: job === null ? null : JSON.stringify(job) };
      return writer.write([insert(row)]);
    },
    update: (record) => writer.writeAnyway([update(toExecutionRow(record))]),
    finish(record, output, by) {
      const end = update(toExecutionRow(record));
      const audit = [executionFinished(record, by)];
      if (output.length === 0) return writer.writeAnyway([end], audit);
      const values = { execution_id: record.id, events_json: JSON.stringify(output) };
      return writer.writeAnyway([end, insertOutput(values)], audit);
    },
    async find(tenantId, id) {
      const row = await db
        .selectFrom('executions')
        .selectAll()
        .where('id', '=', id)
        .where('tenant_id', '=', tenantId)
        .executeTakeFirst();
      return row && fromExecutionRow(row);
    },
    async output(id) {
      const row = await db
        .selectFrom('execution_outputs')
        .select('events_json')
        .where('execution_id', '=', id)
        .executeTakeFirst();
      return row === undefined ? [] : (JSON.parse(row.events_json) as StoredEvent[]).map(fromStored);
    },
    async list(tenantId, { limit, after, status, sessionId }) {
      let query = db.selectFrom('executions').select(LISTED_COLUMNS).where('tenant_id', '=', tenantId);
      if (after !== undefined) query = query.where('id', '<', after as ExecutionId);
      if (status !== undefined) query = query.where('status', '=', status);
      if (sessionId !== undefined) query = query.where('session_id', '=', sessionId);
      const rows = await query.orderBy('id', 'desc').limit(limit).execute();
      return rows.map(fromListedRow);
    },
    async *unfinished() {
      let last = '' as ExecutionId;
      for (;;) {
        const rows = await db
          .selectFrom('executions')
          .select(UNFINISHED_COLUMNS)
          .where('finished_at', 'is', null)
          .where('id', '>', last)
          .orderBy('id')
          .limit(UNFINISHED_AT_ONCE)
          .execute();
        for (const row of rows) yield { record: fromUnfinishedRow(row), job: await queuedJob(row.id) };
        const next = rows.at(-1)?.id;
        if (next === undefined) return;
        last = next;
      }
    },
  };
}

/** Earlier versions kept the value of a bundle instead of its text. */
type StoredEvent = OutputEvent | { readonly type: 'result'; readonly bundle: Record<string, JsonValue> };

function fromStored(event: StoredEvent): OutputEvent {
  if (event.type !== 'result' || typeof event.bundle === 'string') return event as OutputEvent;
  return { ...event, bundle: jsonTextOf(event.bundle) };
}

/** The columns that an execution changes in its life. */
function changing(value: <Name extends keyof ExecutionRow>(name: Name) => ExecutionRow[Name]) {
  return {
    status: value('status'),
    reason: value('reason'),
    runtime: value('runtime'),
    isolation: value('isolation'),
    isolation_scope: value('isolation_scope'),
    started_at: value('started_at'),
    finished_at: value('finished_at'),
    duration_ms: value('duration_ms'),
    cpu_ms: value('cpu_ms'),
    peak_memory_bytes: value('peak_memory_bytes'),
    exit_code: value('exit_code'),
    return_value_json: value('return_value_json'),
    error_json: value('error_json'),
    truncated: value('truncated'),
    kernel_restarted: value('kernel_restarted'),
  };
}
