import { sql } from 'kysely';
import type { CompiledQuery, Kysely, Selectable } from 'kysely';
import type { ExecutionRow } from './execution-rows.ts';
import type { ExecutionsTable, Tables } from '../tables.ts';
import { prepareQuery } from '../writing/prepared-query.ts';

type NewRow = Omit<Selectable<ExecutionsTable>, 'output_expired'>;

/** The statements of each execution, compiled once. */
export interface ExecutionStatements {
  insert(row: NewRow): CompiledQuery;
  /** Changes the row if it is still `queued`. */
  begin(row: ExecutionRow): CompiledQuery;
  /** Changes the row if it is unfinished. */
  finish(row: ExecutionRow): CompiledQuery;
  /** Changes the row if it is still `queued`. */
  finishQueued(row: ExecutionRow): CompiledQuery;
}

export function executionStatements(db: Kysely<Tables>): ExecutionStatements {
  return {
    insert: prepareQuery<NewRow>((value) =>
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
        replica_id: value('replica_id'),
      }),
    ),
    begin: prepareQuery<ExecutionRow>((value) =>
      db
        .updateTable('executions')
        .set({
          status: value('status'),
          started_at: value('started_at'),
          node_id: value('node_id'),
          request_json: null,
        })
        .where('id', '=', value('id'))
        .where('status', '=', sql.lit('queued')),
    ),
    finish: prepareQuery<ExecutionRow>((value) =>
      db
        .updateTable('executions')
        .set({ ...changing(value), request_json: null })
        .where('id', '=', value('id'))
        .where('finished_at', 'is', null),
    ),
    finishQueued: prepareQuery<ExecutionRow>((value) =>
      db
        .updateTable('executions')
        .set({ ...changing(value), request_json: null })
        .where('id', '=', value('id'))
        .where('status', '=', sql.lit('queued')),
    ),
  };
}

/** The columns that change during an execution. */
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
    output_bytes: value('output_bytes'),
    output_items: value('output_items'),
    node_id: value('node_id'),
  };
}
