import { setImmediate as nextTurn } from 'node:timers/promises';
import type { Kysely, Selectable } from 'kysely';
import { returnValueOf } from '@caisson/protocol/ports';
import type {
  ExecutionId,
  ExecutionStatus,
  NodeId,
  ReplicaId,
  SessionId,
  TenantId,
} from '@caisson/protocol/api';
import type { OutputEvent } from '@caisson/protocol/ports';
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
} from './statements/execution-rows.ts';
import { executionStatements } from './statements/execution-statements.ts';
import { encodePages, MAX_INLINE_BYTES, MAX_INLINE_CHARACTERS } from './output/output-pages.ts';
import type { OutputPage } from './output/output-pages.ts';
import type { OutputLedger } from './output/output-ledger.ts';
import { outputOfRow, outputStatements } from './output/outputs.ts';
import type { StoredOutput } from './output/outputs.ts';
import { prepareQuery } from './writing/prepared-query.ts';
import type { ExecutionsTable, Tables } from './tables.ts';
import type { Writer } from './writing/writer.ts';

const UNFINISHED_AT_ONCE = 100;
const LOOKED_AT_ONCE = 1000;
/** Sorts after every id: ids begin with a letter. */
const AFTER_ALL = '~';

export interface ExecutionFilter {
  readonly limit: number;
  /** Id of the last execution on the previous page. */
  readonly after: string | undefined;
  readonly status: ExecutionStatus | undefined;
  readonly sessionId: SessionId | undefined;
}

/** Executions of a node, of a session, or in the queues of these replicas (`null`: recorded by an earlier version). */
export type UnfinishedFilter =
  | { readonly nodeId: NodeId }
  | { readonly sessionId: SessionId }
  | { readonly queuedBy: readonly (ReplicaId | null)[] };

export interface UnfinishedExecution {
  readonly record: ExecutionRecord;
  readonly job: QueuedJob | null;
}

export interface StoredExecution {
  /** Its return value is `null` if it is long: the pages of the output then have it. */
  readonly record: ExecutionRecord;
  readonly output: StoredOutput;
  /** Whether its output was removed because the tenant exceeded its limit. */
  readonly expired: boolean;
}

/**
 * Executions and their output. States are decided elsewhere, and records are written as given; but a row changes only from the
 * expected state: `false` means that another replica has changed it first, and nothing was written.
 */
export interface ExecutionRepository {
  /** `job` is stored until the execution starts or ends. */
  insert(record: ExecutionRecord, job: QueuedJob | null): Promise<void>;
  /** `queued` to `running`: writes state, start and node, and deletes the stored job. */
  begin(record: ExecutionRecord): Promise<boolean>;
  /**
   * Finishes an unfinished execution: writes its outcome, the whole output and the audit event in one transaction, and deletes
   * the stored job; `by` is who ended it. With `from`, only if it is still queued.
   */
  finish(
    record: ExecutionRecord,
    output: readonly OutputEvent[],
    by: Actor,
    from?: 'queued',
  ): Promise<boolean>;
  /** Moves a queued execution from the queue of the replica `from`, which is gone, to the queue of `to`. */
  adopt(id: ExecutionId, from: ReplicaId | null, to: ReplicaId): Promise<boolean>;
  find(tenantId: TenantId, id: ExecutionId): Promise<ListedExecution | undefined>;
  /** Includes its output. */
  read(tenantId: TenantId, id: ExecutionId): Promise<StoredExecution | undefined>;
  /** Newest first. */
  list(tenantId: TenantId, filter: ExecutionFilter): Promise<ListedExecution[]>;
  /**
   * Unfinished executions of all tenants that match the filter, oldest first. One job is in memory at a time: together they may
   * be hundreds of megabytes.
   */
  unfinished(filter?: UnfinishedFilter): AsyncIterable<UnfinishedExecution>;
}

export function executionRepository(
  db: Kysely<Tables>,
  writer: Writer,
  ledger?: OutputLedger,
): ExecutionRepository {
  const outputs = outputStatements(db);
  const statements = executionStatements(db);
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
      return writer.write([
        statements.insert({ ...row, request_json: job === null ? null : JSON.stringify(job) }),
      ]);
    },
    begin: (record) => writer.changeAnyway([statements.begin(toExecutionRow(record, NO_OUTPUT))]),
    adopt(id, from, to) {
      const adopt = db
        .updateTable('executions')
        .set({ replica_id: to })
        .where('id', '=', id)
        .where('status', '=', 'queued')
        .where('replica_id', from === null ? 'is' : '=', from);
      return writer.change([adopt.compile()]);
    },
    async finish(record, output, by, from) {
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
      const rows = small === null ? pages.map((page) => outputs.insert(record.id, page)) : [];
      const finished = await writer.changeAnyway(
        [from === undefined ? statements.finish(row) : statements.finishQueued(row), ...rows],
        [executionFinished(record, by)],
      );
      if (finished) ledger?.add(record.tenantId, row.output_bytes ?? 0);
      return finished;
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
      // No index covers the status: if few rows have it, many are scanned, so the scan is split into slices.
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
    async *unfinished(filter) {
      const unfinished = unfinishedRows(db, filter).orderBy('id').limit(UNFINISHED_AT_ONCE);
      let last = '' as ExecutionId;
      for (;;) {
        const rows = await unfinished.where('id', '>', last).execute();
        for (const row of rows) {
          const job = row.status === 'queued' ? await queuedJob(row.id) : null;
          yield { record: fromUnfinishedRow(row), job };
        }
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

function unfinishedRows(db: Kysely<Tables>, filter: UnfinishedFilter | undefined) {
  const rows = db.selectFrom('executions').select(UNFINISHED_COLUMNS).where('finished_at', 'is', null);
  if (filter === undefined) return rows;
  if ('nodeId' in filter) return rows.where('node_id', '=', filter.nodeId);
  if ('sessionId' in filter) return rows.where('session_id', '=', filter.sessionId);
  const { queuedBy } = filter;
  return rows
    .where('status', '=', 'queued')
    .where((eb) => eb.or(queuedBy.map((id) => eb('replica_id', id === null ? 'is' : '=', id))));
}
