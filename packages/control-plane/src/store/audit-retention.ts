import type { TenantId } from '@caisson/protocol/api';
import type { Kysely } from 'kysely';
import type { ChainEnd } from '../audit/audit-record.ts';
import { trailTrimmed } from '../audit/records.ts';
import { readCheckpoint } from './audit.ts';
import type { Tables } from './tables.ts';
import type { Writer } from './writing/writer.ts';

export interface AgedEvent extends ChainEnd {
  /** Milliseconds since 1970. */
  readonly at: number;
}

/** Queries and deletions of audit retention. Each call reads or writes a bounded number of rows. */
export interface TrailRetentionStore {
  checkpoint(tenantId: TenantId): Promise<ChainEnd | undefined>;
  /** Events of a tenant after the sequence number `after`, oldest first. */
  events(tenantId: TenantId, after: number): Promise<AgedEvent[]>;
  /**
   * Records, in the trail too, that the trail begins after `last`; removes no events. If another replica has set a later
   * checkpoint, nothing is written.
   */
  setCheckpoint(tenantId: TenantId, last: ChainEnd, at: number): Promise<void>;
  /** Removes some of the events up to `sequence`; `false` if there were none. */
  removeEvents(tenantId: TenantId, sequence: number): Promise<boolean>;
}

const EVENTS_AT_ONCE = 200;

export function trailRetentionStore(db: Kysely<Tables>, writer: Writer): TrailRetentionStore {
  return {
    checkpoint: (tenantId) => readCheckpoint(db, tenantId),
    async events(tenantId, after) {
      return db
        .selectFrom('audit_events')
        .select(['sequence', 'hash', 'at'])
        .where('tenant_id', '=', tenantId)
        .where('sequence', '>', after)
        .orderBy('sequence')
        .limit(EVENTS_AT_ONCE)
        .execute();
    },
    async setCheckpoint(tenantId, { sequence, hash }, at) {
      const set = db
        .insertInto('audit_checkpoints')
        .values({ tenant_id: tenantId, sequence, hash })
        .onConflict((conflict) =>
          conflict
            .column('tenant_id')
            .doUpdateSet({ sequence, hash })
            .where('audit_checkpoints.sequence', '<', sequence),
        )
        .compile();
      await writer.changeAnyway([set], [trailTrimmed(tenantId, { sequence, hash }, at)]);
    },
    async removeEvents(tenantId, sequence) {
      const events = db.selectFrom('audit_events').where('tenant_id', '=', tenantId);
      const oldest = await events.select('sequence').orderBy('sequence').limit(1).executeTakeFirst();
      if (oldest === undefined || oldest.sequence > sequence) return false;
      const last = Math.min(sequence, oldest.sequence + EVENTS_AT_ONCE - 1);
      const remove = db
        .deleteFrom('audit_events')
        .where('tenant_id', '=', tenantId)
        .where('sequence', '<=', last)
        .compile();
      await writer.writeAnyway([remove]);
      return true;
    },
  };
}
