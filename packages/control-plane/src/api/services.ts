import type { DataPlane, IdSource } from '@caisson/protocol';
import type { Logger } from 'pino';
import type { Authenticate } from '../auth/authenticate.ts';
import type { Clock } from '../clock.ts';
import type { ControlPlaneConfig } from '../config.ts';
import type { Metrics } from '../metrics/metrics.ts';
import type { RecentLoopDelay } from '../metrics/recent-loop-delay.ts';
import type { Dispatcher } from '../orchestrator/dispatcher.ts';
import type { Executions } from '../orchestrator/executions.ts';
import type { Idempotency } from '../orchestrator/idempotency.ts';
import type { Sessions } from '../orchestrator/sessions.ts';
import type { AuditRepository } from '../store/audit.ts';
import type { StorageHealth } from '../store/storage-health.ts';
import type { Answering } from './answers.ts';

/** What the routes stand on. */
export interface Services {
  readonly config: ControlPlaneConfig;
  readonly dataPlane: DataPlane;
  readonly executions: Executions;
  readonly answering: Answering;
  readonly sessions: Sessions;
  readonly dispatcher: Dispatcher;
  readonly idempotency: Idempotency;
  readonly audit: AuditRepository;
  /** Whether the database can be written. */
  readonly storage: StorageHealth;
  readonly authenticate: Authenticate;
  readonly metrics: Metrics;
  readonly loopDelay: RecentLoopDelay;
  readonly logger: Logger;
  readonly clock: Clock;
  readonly ids: IdSource | undefined;
  readonly version: string;
  /** Whether the database answers. */
  databaseAnswers(): Promise<boolean>;
}
