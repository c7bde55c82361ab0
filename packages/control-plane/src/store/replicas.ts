import type { ReplicaId } from '@caisson/protocol/api';
import type { Kysely } from 'kysely';
import type { Tables } from './tables.ts';
import type { Writer } from './writing/writer.ts';

/** The control planes that share this database. Times are milliseconds since 1970, by the clocks of the replicas. */
export interface ReplicaRepository {
  /** Writes that the replica runs; an earlier time than the one on record changes nothing. */
  seen(id: ReplicaId, at: number): Promise<void>;
  /** Those that were seen at `at` or later. */
  seenSince(at: number): Promise<ReplicaId[]>;
  /** Those that were last seen before `at`. */
  seenBefore(at: number): Promise<ReplicaId[]>;
  /** Forgets one that is gone; one that is not is there again when it is next seen. */
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
