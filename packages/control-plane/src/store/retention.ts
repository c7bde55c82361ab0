import type { ExecutionId, SessionId, TenantId } from '@caisson/protocol/api';
import { sql } from 'kysely';
import type { CompiledQuery, Kysely, Nullable } from 'kysely';
import { prepareQuery } from './writing/prepared-query.ts';
import type { ExecutionsTable, IdempotencyKeysTable, Tables } from './tables.ts';
import type { Writer } from './writing/writer.ts';

export interface AgedRow<Id> {
  readonly id: Id;
  readonly createdAt: number;
  /** `null` while it is unfinished or live. */
  readonly endedAt: number | null;
}

export interface OutputSize {
  readonly id: ExecutionId;
  readonly bytes: number;
}

/** Queries and deletions of retention. Each call reads or writes a bounded number of rows. */
export interface RetentionStore {
  /** Ids in order, after `after`. */
  tenants(after: TenantId | undefined): Promise<TenantId[]>;
  /** Executions of all tenants, oldest first. */
  executions(after: ExecutionId | undefined): Promise<AgedRow<ExecutionId>[]>;
  /** Sessions without executions, of all tenants, oldest first. */
  sessions(after: SessionId | undefined): Promise<AgedRow<SessionId>[]>;
  /** Output sizes of a tenant's executions, newest first. */
  outputs(tenantId: TenantId, before: ExecutionId | undefined): Promise<OutputSize[]>;
  /** The sum of what `outputs` would return, with its last id; `undefined` if there is none. */
  sumOfOutputs(tenantId: TenantId, before: ExecutionId | undefined): Promise<OutputSize | undefined>;
  /** One per call: an execution may have megabytes of output, which takes a whole turn of the event loop. */
  removeExecution(id: ExecutionId): Promise<void>;
  removeSessions(ids: readonly SessionId[]): Promise<void>;
  /** Removes the outputs; the rows of the executions stay, marked as expired. */
  removeOutputs(ids: readonly ExecutionId[]): Promise<void>;
  /** Removes some keys made until `until`; `false` if there were none. */
  removeIdempotencyKeys(until: number): Promise<boolean>;
}

const TENANTS_AT_ONCE = 100;
const ROWS_AT_ONCE = 100;
const SIZES_AT_ONCE = 1000;
/** Sorts after every id: ids begin with a letter. */
const AFTER_ALL = '~' as ExecutionId;

export function retentionStore(db: Kysely<Tables>, writer: Writer): RetentionStore {
  const statements = statementsOf(db);
  const all = async <Row>(query: CompiledQuery) => (await db.executeQuery(query)).rows as Row[];
  return {
    async tenants(after = '' as TenantId) {
      const query = db.selectFrom('tenants').select('id').where('id', '>', after).orderBy('id');
      return (await query.limit(TENANTS_AT_ONCE).execute()).map(({ id }) => id);
    },
    async executions(after = '' as ExecutionId) {
      return db
        .selectFrom('executions')
        .select(['id', 'created_at as createdAt', 'finished_at as endedAt'])
        .where('id', '>', after)
        .orderBy('id')
        .limit(ROWS_AT_ONCE)
        .execute();
    },
    async sessions(after = '' as SessionId) {
      return db
        .selectFrom('sessions')
        .select(['id', 'created_at as createdAt', 'terminated_at as endedAt'])
        .where('id', '>', after)
        .where((where) =>
          where.not(
            where.exists(
              where.selectFrom('executions').select('id').whereRef('session_id', '=', 'sessions.id'),
            ),
          ),
        )
        .orderBy('id')
        .limit(ROWS_AT_ONCE)
        .execute();
    },
    async sumOfOutputs(tenantId, before = AFTER_ALL) {
      const [sum] = await all<Nullable<OutputSize>>(statements.sum({ tenant_id: tenantId, id: before }));
      return sum === undefined || sum.id === null || sum.bytes === null
        ? undefined
        : { id: sum.id, bytes: sum.bytes };
    },
    outputs: (tenantId, before = AFTER_ALL) => all(statements.sizes({ tenant_id: tenantId, id: before })),
    removeExecution: (id) => writer.writeAnyway([...statements.output(id), statements.execution({ id })]),
    removeSessions: (ids) => writer.writeAnyway(ids.map((id) => statements.session({ id }))),
    removeOutputs: (ids) =>
      writer.writeAnyway(ids.flatMap((id) => [...statements.output(id), statements.expire({ id })])),
    async removeIdempotencyKeys(until) {
      const query = db.selectFrom('idempotency_keys').select(['tenant_id', 'endpoint', 'key']);
      const keys = await query.where('created_at', '<=', until).limit(ROWS_AT_ONCE).execute();
      if (keys.length === 0) return false;
      await writer.writeAnyway(keys.map((key) => statements.key({ ...key, created_at: until })));
      return true;
    },
  };
}

type OutputKey = Pick<ExecutionsTable, 'tenant_id' | 'id'>;

/** Served by a covering index: no row is read. */
function newestOutputs(
  db: Kysely<Tables>,
  value: <Name extends keyof OutputKey>(name: Name) => OutputKey[Name],
) {
  return db
    .selectFrom('executions')
    .select(['id', 'output_bytes as bytes'])
    .where('tenant_id', '=', value('tenant_id'))
    .where('id', '<', value('id'))
    .where('output_bytes', '>', sql.lit(0))
    .orderBy('id', 'desc')
    .limit(sql.lit(SIZES_AT_ONCE));
}

function statementsOf(db: Kysely<Tables>) {
  const pages = prepareQuery<{ id: ExecutionId }>((value) =>
    db.deleteFrom('execution_output_pages').where('execution_id', '=', value('id')),
  );
  const earlier = prepareQuery<{ id: ExecutionId }>((value) =>
    db.deleteFrom('execution_outputs').where('execution_id', '=', value('id')),
  );
  return {
    output: (id: ExecutionId) => [pages({ id }), earlier({ id })],
    execution: prepareQuery<{ id: ExecutionId }>((value) =>
      db.deleteFrom('executions').where('id', '=', value('id')),
    ),
    expire: prepareQuery<{ id: ExecutionId }>((value) =>
      db
        .updateTable('executions')
        .set({
          return_value_json: null,
          error_json: null,
          output_items: null,
          output_bytes: null,
          output_expired: sql.lit(1),
        })
        .where('id', '=', value('id')),
    ),
    session: prepareQuery<{ id: SessionId }>((value) =>
      db.deleteFrom('sessions').where('id', '=', value('id')),
    ),
    key: prepareQuery<Omit<IdempotencyKeysTable, 'fingerprint' | 'resource_id'>>((value) =>
      db
        .deleteFrom('idempotency_keys')
        .where('tenant_id', '=', value('tenant_id'))
        .where('endpoint', '=', value('endpoint'))
        .where('key', '=', value('key'))
        // It may have been reserved again in the meantime.
        .where('created_at', '<=', value('created_at')),
    ),
    sizes: prepareQuery<OutputKey>((value) => newestOutputs(db, value)),
    sum: prepareQuery<OutputKey>((value) =>
      db
        .selectFrom(newestOutputs(db, value).as('newest'))
        .select(({ fn }) => [fn.min('id').as('id'), fn.sum('bytes').as('bytes')]),
    ),
  };
}
