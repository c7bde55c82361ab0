import type { Kysely } from 'kysely';
import type { SessionId, SessionStatus, TenantId } from '@caisson/protocol/api';
import type { Actor } from '../audit/audit-record.ts';
import { sessionChanged } from '../audit/records.ts';
import type { SessionAction } from '../audit/records.ts';
import type { SessionRecord } from '../model/session-record.ts';
import { fromSessionRow, toSessionRow } from './statements/session-rows.ts';
import { sessionStatements } from './statements/session-statements.ts';
import type { SessionStatuses } from './statements/session-statements.ts';
import type { SessionsTable, Tables } from './tables.ts';
import type { Writer } from './writing/writer.ts';

export interface SessionFilter {
  readonly limit: number;
  /** Id of the last session on the previous page. */
  readonly after: string | undefined;
  readonly status: SessionStatus | undefined;
}

export interface SessionUse {
  readonly id: SessionId;
  readonly lastUsedAt: number;
}

/**
 * A row changes only from the expected states: `false` means that another replica has changed it first, and nothing was written.
 */
export interface SessionRepository {
  /**
   * Like `change` and `extend`, records the audit event in the same transaction. `false` if the tenant has `limit` live
   * sessions.
   */
  insert(record: SessionRecord, by: Actor, limit: number): Promise<boolean>;
  /** Writes state, node and runtime after `action` of `by`. Keeps the expiry, and a later last use. */
  change(
    record: SessionRecord,
    from: SessionStatuses,
    action: Exclude<SessionAction, 'session.extended'>,
    by: Actor,
  ): Promise<boolean>;
  /** Like `change`, but without an audit event: its sandbox has been created. */
  update(record: SessionRecord, from: SessionStatuses): Promise<boolean>;
  /** Writes its expiry and last use, but not its state. */
  extend(record: SessionRecord, from: SessionStatuses, by: Actor): Promise<boolean>;
  /** Moves the last use of live sessions forward, in one transaction. */
  touch(uses: readonly SessionUse[]): Promise<void>;
  find(tenantId: TenantId, id: SessionId): Promise<SessionRecord | undefined>;
  /** Newest first. */
  list(tenantId: TenantId, filter: SessionFilter): Promise<SessionRecord[]>;
  /** Live sessions of all tenants. */
  live(): Promise<SessionRecord[]>;
}

export function sessionRepository(db: Kysely<Tables>, writer: Writer): SessionRepository {
  const statements = sessionStatements(db);
  return {
    insert(record, by, limit) {
      const insert = statements.insert(toSessionRow(record), limit);
      return writer.change([insert], [sessionChanged(record, 'session.created', by)]);
    },
    change(record, from, action, by) {
      const update = statements.update(toSessionRow(record), from);
      return writer.changeAnyway([update], [sessionChanged(record, action, by)]);
    },
    update: (record, from) => writer.changeAnyway([statements.update(toSessionRow(record), from)]),
    extend(record, from, by) {
      const extend = statements.extend(toSessionRow(record), from);
      return writer.changeAnyway([extend], [sessionChanged(record, 'session.extended', by)]);
    },
    async touch(uses) {
      if (uses.length === 0) return;
      await writer.write(
        uses.map(({ id, lastUsedAt }) => statements.touch({ id, last_used_at: lastUsedAt })),
      );
    },
    async find(tenantId, id) {
      const { rows } = await db.executeQuery(statements.find({ id, tenant_id: tenantId }));
      const [row] = rows as SessionsTable[];
      return row && fromSessionRow(row);
    },
    async list(tenantId, { limit, after, status }) {
      let query = db.selectFrom('sessions').selectAll().where('tenant_id', '=', tenantId);
      if (after !== undefined) query = query.where('id', '<', after as SessionId);
      if (status !== undefined) query = query.where('status', '=', status);
      return (await query.orderBy('id', 'desc').limit(limit).execute()).map(fromSessionRow);
    },
    async live() {
      const rows = await db.selectFrom('sessions').selectAll().where('terminated_at', 'is', null).execute();
      return rows.map(fromSessionRow);
    },
  };
}
