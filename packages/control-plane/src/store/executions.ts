import type { Kysely } from 'kysely';
import type { ExecutionId, ExecutionStatus, OutputEvent, SessionId, TenantId } from '@caisson/protocol';
import type { ExecutionRecord, QueuedJob } from '../orchestrator/execution-record.ts';
import { fromExecutionRow, toExecutionRow } from './execution-rows.ts';
import type { Tables } from './tables.ts';

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
  /** Writes the end and the whole output in one transaction, and forgets the kept job. */
  finish(record: ExecutionRecord, output: readonly OutputEvent[]): Promise<void>;
  find(tenantId: TenantId, id: ExecutionId): Promise<ExecutionRecord | undefined>;
  output(id: ExecutionId): Promise<OutputEvent[]>;
  /** Newest first. */
  list(tenantId: TenantId, filter: ExecutionFilter): Promise<ExecutionRecord[]>;
  /** Of all tenants, oldest first. */
  unfinished(): Promise<UnfinishedExecution[]>;
}

export function executionRepository(db: Kysely<Tables>): ExecutionRepository {
  const write = async (record: ExecutionRecord, connection: Kysely<Tables>): Promise<void> => {
    const row = toExecutionRow(record);
    await connection
      .updateTable('executions')
      .set({
        status: row.status,
        reason: row.reason,
        runtime: row.runtime,
        isolation: row.isolation,
        isolation_scope: row.isolation_scope,
        request_json: null,
        started_at: row.started_at,
        finished_at: row.finished_at,
        duration_ms: row.duration_ms,
        cpu_ms: row.cpu_ms,
        peak_memory_bytes: row.peak_memory_bytes,
        exit_code: row.exit_code,
        return_value_json: row.return_value_json,
        error_json: row.error_json,
        truncated: row.truncated,
        kernel_restarted: row.kernel_restarted,
      })
      .where('id', '=', row.id)
      .execute();
  };
  return {
    async insert(record, job) {
      const row = { ...toExecutionRow(record), request_json: job === null ? null : JSON.stringify(job) };
      await db.insertInto('executions').values(row).execute();
    },
    update: (record) => write(record, db),
    async finish(record, output) {
      if (output.length === 0) {
        await write(record, db);
        return;
      }
      const values = { execution_id: record.id, events_json: JSON.stringify(output) };
      await db.transaction().execute(async (transaction) => {
        await write(record, transaction);
        await transaction.insertInto('execution_outputs').values(values).execute();
      });
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
      return row === undefined ? [] : (JSON.parse(row.events_json) as OutputEvent[]);
    },
    async list(tenantId, { limit, after, status, sessionId }) {
      let query = db.selectFrom('executions').selectAll().where('tenant_id', '=', tenantId);
      if (after !== undefined) query = query.where('id', '<', after as ExecutionId);
      if (status !== undefined) query = query.where('status', '=', status);
      if (sessionId !== undefined) query = query.where('session_id', '=', sessionId);
      const rows = await query.orderBy('id', 'desc').limit(limit).execute();
      return rows.map(fromExecutionRow);
    },
    async unfinished() {
      const rows = await db
        .selectFrom('executions')
        .selectAll()
        .where('finished_at', 'is', null)
        .orderBy('id')
        .execute();
      return rows.map((row) => ({
        record: fromExecutionRow(row),
        job: row.request_json === null ? null : (JSON.parse(row.request_json) as QueuedJob),
      }));
    },
  };
}
