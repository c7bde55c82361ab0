import type { SessionId, SessionStatus, TenantId } from '@caisson/protocol/api';
import type { CompiledQuery, Kysely, SelectQueryBuilder } from 'kysely';
import type { SessionsTable, Tables } from '../tables.ts';
import { prepareQuery } from '../writing/prepared-query.ts';

/** At least one. */
export type SessionStatuses = readonly [SessionStatus, ...SessionStatus[]];

export interface SessionStatements {
  /** Inserts the row if its tenant has fewer than `limit` live sessions. */
  insert(row: SessionsTable, limit: number): CompiledQuery;
  update(row: SessionsTable, from: SessionStatuses): CompiledQuery;
  extend(row: SessionsTable, from: SessionStatuses): CompiledQuery;
  touch(row: Pick<SessionsTable, 'id' | 'last_used_at'>): CompiledQuery;
  /** Each step of a session asks for it. */
  find(key: Pick<SessionsTable, 'id' | 'tenant_id'>): CompiledQuery;
}

function liveOf(sessions: SelectQueryBuilder<Tables, 'sessions', object>, tenantId: TenantId) {
  return sessions
    .select(({ fn }) => fn.countAll<number>().as('live'))
    .where('tenant_id', '=', tenantId)
    .where('terminated_at', 'is', null);
}

export function sessionStatements(db: Kysely<Tables>): SessionStatements {
  const touch = prepareQuery<{ id: SessionId; last_used_at: number }>((value) =>
    db
      .updateTable('sessions')
      .set({ last_used_at: value('last_used_at') })
      .where('id', '=', value('id'))
      .where('last_used_at', '<', value('last_used_at'))
      .where('terminated_at', 'is', null),
  );
  const find = prepareQuery<Pick<SessionsTable, 'id' | 'tenant_id'>>((value) =>
    db
      .selectFrom('sessions')
      .selectAll()
      .where('id', '=', value('id'))
      .where('tenant_id', '=', value('tenant_id')),
  );
  const from = (row: SessionsTable, statuses: SessionStatuses) =>
    db
      .updateTable('sessions')
      // Another replica may have recorded a later use.
      .set((eb) => ({
        last_used_at: eb
          .case()
          .when('last_used_at', '<', row.last_used_at)
          .then(row.last_used_at)
          .else(eb.ref('last_used_at'))
          .end(),
      }))
      .where('id', '=', row.id)
      .where('status', 'in', statuses);
  return {
    touch,
    find,
    update(row, statuses) {
      const { status, reason, runtime, node_id, terminated_at } = row;
      return from(row, statuses).set({ status, reason, runtime, node_id, terminated_at }).compile();
    },
    extend: (row, statuses) => from(row, statuses).set({ expires_at: row.expires_at }).compile(),
    insert(row, limit) {
      const columns = Object.keys(row) as (keyof SessionsTable)[];
      return db
        .insertInto('sessions')
        .columns(columns)
        .expression(
          db
            .selectNoFrom((eb) => columns.map((column) => eb.val(row[column]).as(column)))
            .where((eb) => eb(liveOf(eb.selectFrom('sessions'), row.tenant_id), '<', limit)),
        )
        .compile();
    },
  };
}
