import type { Kysely } from 'kysely';
import type { Logger } from 'pino';
import type { Clock } from '../time/clock.ts';
import type { ControlPlaneConfig } from '../config.ts';
import { startTicking } from '../time/ticking.ts';
import { trailRetentionStore } from '../store/audit-retention.ts';
import type { OutputLedger } from '../store/output/output-ledger.ts';
import { retentionStore } from '../store/retention.ts';
import type { Tables } from '../store/tables.ts';
import type { Writer } from '../store/writing/writer.ts';
import { Retention } from './retention.ts';
import { TrailRetention } from './trail-retention.ts';

export interface RetentionOptions {
  readonly config: ControlPlaneConfig;
  readonly db: Kysely<Tables>;
  readonly writer: Writer;
  readonly ledger: OutputLedger;
  readonly clock: Clock;
  readonly logger: Logger;
}

/** Sweeps expired records periodically until disposed of; a sweep under way then stops at its next step. */
export function startRetention({
  config,
  db,
  writer,
  ledger,
  clock,
  logger,
}: RetentionOptions): AsyncDisposable {
  const stopping = new AbortController();
  const trail = new TrailRetention(trailRetentionStore(db, writer), clock, config.auditRetentionMs);
  const retention = new Retention({ config, store: retentionStore(db, writer), ledger, trail, clock });
  const sweep = () => retention.sweep(stopping.signal);
  const ticking = startTicking('retention sweep', config.retentionIntervalMs, sweep, logger);
  return {
    async [Symbol.asyncDispose]() {
      stopping.abort();
      await ticking[Symbol.asyncDispose]();
    },
  };
}
