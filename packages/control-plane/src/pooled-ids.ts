import { randomBytes } from 'node:crypto';
import type { IdSource } from '@caisson/protocol/api';

/** Of a few hundred ids. */
const POOL_BYTES = 4096;

/**
 * A source of ids that asks the system's generator for many bytes at a time: a call costs the same for fourteen bytes
 * as for thousands, and each request needs ids. No byte is given out twice.
 */
export function pooledIds(random: (bytes: number) => Buffer = randomBytes): IdSource {
  let pool: Buffer = Buffer.alloc(0);
  return {
    nowMs: () => Date.now(),
    random(bytes) {
      if (pool.length < bytes) pool = random(Math.max(POOL_BYTES, bytes));
      const given = pool.subarray(0, bytes);
      pool = pool.subarray(bytes);
      return given;
    },
  };
}
