import { randomBytes } from 'node:crypto';
import type { IdSource } from '@caisson/protocol/api';

/** Enough for a few hundred ids. */
const POOL_BYTES = 4096;

/**
 * An id source that reads many random bytes from the system at a time: a call costs the same for fourteen bytes as for thousands,
 * and each request needs ids. No byte is used twice.
 */
export function pooledIds(random: (bytes: number) => Buffer = randomBytes): IdSource {
  let pool: Buffer = Buffer.alloc(0);
  return {
    nowMs: () => Date.now(),
    random(bytes) {
      if (pool.length < bytes) pool = random(Math.max(POOL_BYTES, bytes));
      const next = pool.subarray(0, bytes);
      pool = pool.subarray(bytes);
      return next;
    },
  };
}
