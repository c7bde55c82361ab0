import { setImmediate as nextTurn } from 'node:timers/promises';
import type { Kysely, Selectable } from 'kysely';
import { returnValueOf } from '@caisson/protocol';
import type { ExecutionId, ExecutionStatus, OutputEvent, SessionId, TenantId } from '@caisson/protocol';
import type { Actor } from '../audit/audit-record.ts';
import { executionFinished } from '../audit/records.ts';
import type { ExecutionRecord, ListedExecution, QueuedJob } from '../model/execution-record.ts';
import {
  fromExecutionRow,
  fromListedRow,
  fromUnfinishedRow,
  LISTED_COLUMNS,
  NO_OUTPUT,
  toExecutionRow,
  UNFINISHED_COLUMNS,
} from './execution-rows.ts';
import type { ExecutionRow } from './execution-rows.ts';
import { encodePages, MAX_INLINE_BYTES, MAX_INLINE_CHARACTERS } from './output/output-pages.ts';
import type { OutputPage } from './output/output-pages.ts';
import { OutputLedger } from './output/output-ledger.ts';
import { outputOfRow, outputStatements } from './output/outputs.ts';
import type { StoredOutput } from './output/outputs.ts';
import { prepareQuery } from './writing/prepared-query.ts';
import type { ExecutionsTable, Tables } from './tables.ts';
import { transactionWriter } from './writing/writer.ts';
import type { Writer } from './writing/writer.ts';

const UNFINISHED_AT_ONCE = 100;
const LOOKED_AT_ONCE = 1000;
/** Behind every id: they begin with a letter. */
const AFTER_ALL = '~';

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

export interface StoredExecution {
  /** Its return value is `null` where it is so long that it is kept in the pages of the output. */
  readonly record: ExecutionRecord;
  readonly output: StoredOutput;
  /** Whether what it has made was removed, because the tenant had too much. */
  readonly expired: boolean;
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
  find(tenantId: TenantId, id: ExecutionId): Promise<ListedExecution | undefined>;
  /** With what it has made. */
  read(tenantId: TenantId, id: ExecutionId): Promise<StoredExecution | undefined>;
  /** Newest first. */
  list(tenantId: TenantId, filter: ExecutionFilter): Promise<ListedExecution[]>;
  /** Of all tenants, oldest first. One job is in memory at a time: together they may be hundreds of megabytes. */
  unfinished(): AsyncIterable<UnfinishedExecution>;
}

export function executionRepository(
  db: Kysely<Tables>,
  writer: Writer = transactionWriter(db),
  ledger = new OutputLedger(),
): ExecutionRepository {
  const outputs = outputStatements(db);
  const insert = prepareQuery<Omit<Selectable<ExecutionsTable>, 'output_expired'>>((value) =>
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
  const select = prepareQuery<OneExecution>((value) => oneExecution(db, value).select(LISTED_COLUMNS));
  const selectAll = prepareQuery<OneExecution>((value) => oneExecution(db, value).selectAll());
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
      const row = toExecutionRow(record, NO_OUTPUT);
      return writer.write([insert({ ...row, request_json: job === null ? null : JSON.stringify(job) })]);
    },
    update: (record) => writer.writeAnyway([update(toExecutionRow(record, NO_OUTPUT))]),
    finish(record, output, by) {
      const returnValue = record.outcome && returnValueOf(record.outcome);
      const isLong = returnValue !== null && returnValue.length > MAX_INLINE_CHARACTERS;
      const pages = encodePages(output, isLong ? returnValue : null);
      const small = smallPage(pages);
      const bytes = pages.reduce((sum, { items }) => sum + items.length, 0);
      const inRow = {
        returnValue: isLong ? null : returnValue,
        items: small,
        bytesElsewhere: small === null ? bytes : 0,
      };
      const row = toExecutionRow(record, inRow);
      ledger.add(record.tenantId, row.output_bytes ?? 0);
      const statements = [update(row)];
      if (small === null) statements.push(...pages.map((page) => outputs.insert(record.id, page)));
      return writer.writeAnyway(statements, [executionFinished(record, by)]);
    },
    async find(tenantId, id) {
      const { rows } = await db.executeQuery(select({ id, tenant_id: tenantId }));
      const [row] = rows as Selectable<ExecutionsTable>[];
      return row && fromListedRow(row);
    },
    async read(tenantId, id) {
      const { rows } = await db.executeQuery(selectAll({ id, tenant_id: tenantId }));
      const [row] = rows as Selectable<ExecutionsTable>[];
      if (row === undefined) return undefined;
      const expired = row.output_expired !== 0;
      const items = row.output_items;
      const output = items === null ? await outputs.stored(id) : outputOfRow(items);
      return { record: fromExecutionRow(row), output, expired };
    },
    async list(tenantId, { limit, after, status, sessionId }) {
      let all = db.selectFrom('executions').where('tenant_id', '=', tenantId).orderBy('id', 'desc');
      if (sessionId !== undefined) all = all.where('session_id', '=', sessionId);
      const page = all.select(LISTED_COLUMNS);
      if (status === undefined) {
        const older = after === undefined ? page : page.where('id', '<', after as ExecutionId);
        return (await older.limit(limit).execute()).map(fromListedRow);
      }
      // No index has the status: where few rows have it, many are looked at, and not in one go.
      const found: ListedExecution[] = [];
      let before = (after ?? AFTER_ALL) as ExecutionId;
      for (;;) {
        const older = all.where('id', '<', before);
        const next = await older.select('id').offset(LOOKED_AT_ONCE).limit(1).executeTakeFirst();
        let some = page.where('id', '<', before).where('status', '=', status);
        if (next !== undefined) some = some.where('id', '>', next.id);
        found.push(...(await some.limit(limit - found.length).execute()).map(fromListedRow));
        if (next === undefined || found.length >= limit) return found;
        before = `${next.id}~` as ExecutionId;
        await nextTurn();
      }
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

function smallPage(pages: readonly OutputPage[]): Uint8Array | null {
  const [page] = pages;
  return page === undefined || page.items.length > MAX_INLINE_BYTES ? null : page.items;
}

type OneExecution = Pick<ExecutionsTable, 'id' | 'tenant_id'>;

function oneExecution(
  db: Kysely<Tables>,
  value: <Name extends keyof OneExecution>(name: Name) => OneExecution[Name],
) {
  return db
    .selectFrom('executions')
    .where('id', '=', value('id'))
    .where('tenant_id', '=', value('tenant_id'));
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
    output_bytes: value('output_bytes'),
    output_items: value('output_items'),
  };
}
