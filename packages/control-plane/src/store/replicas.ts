import type { ReplicaId } from '@caisson/protocol/api';
import type { Kysely } from 'kysely';
import type { Tables } from './tables.ts';
import type { Writer } from './writing/writer.ts';

/** The control planes that share this database. Times are milliseconds since 1970, by the clocks of the replicas. */
export interface ReplicaRepository {
  /** Records a heartbeat of the replica; a time earlier than the recorded one changes nothing. */
  seen(id: ReplicaId, at: number): Promise<void>;
  /** Replicas with a heartbeat at `at` or later. */
  seenSince(at: number): Promise<ReplicaId[]>;
  /** Replicas whose last heartbeat was before `at`. */
  seenBefore(at: number): Promise<ReplicaId[]>;
  /** Removes a replica that is gone; its next heartbeat, if any, adds it again. */
  remove(id: ReplicaId): Promise<void>;
}

export function replicaRepository(db: Kysely<Tables>, writer: Writer): ReplicaRepository {
  return {
    seen(id, at) {
      const insert = db
        .insertInto('replicas')
        .values({ id, seen_at: at })
        .onConflict((conflict) =>
          conflict.column('id').doUpdateSet({ seen_at: at }).where('replicas.seen_at', '<', at),
        );
      return writer.write([insert.compile()]);
    },
    async seenSince(at) {
      const rows = await db
        .selectFrom('replicas')
        .select('id')
        .where('seen_at', '>=', at)
        .orderBy('id')
        .execute();
      return rows.map(({ id }) => id);
    },
    async seenBefore(at) {
      const rows = await db
        .selectFrom('replicas')
        .select('id')
        .where('seen_at', '<', at)
        .orderBy('id')
        .execute();
      return rows.map(({ id }) => id);
    },
    remove: (id) => writer.write([db.deleteFrom('replicas').where('id', '=', id).compile()]),
  };
}
