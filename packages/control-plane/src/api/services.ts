import type { IdSource } from '@caisson/protocol/api';
import type { DataPlane } from '@caisson/protocol/ports';
import type { Logger } from 'pino';
import type { Authenticate } from '../auth/authenticate.ts';
import type { Clock } from '../time/clock.ts';
import type { ControlPlaneConfig } from '../config.ts';
import type { Metrics } from '../metrics/metrics.ts';
import type { RecentLoopDelay } from '../metrics/recent-loop-delay.ts';
import type { Dispatcher } from '../executions/queue/dispatcher.ts';
import type { Executions } from '../executions/executions.ts';
import type { Jobs } from '../executions/jobs.ts';
import type { Steps } from '../executions/steps.ts';
import type { Sessions } from '../sessions/sessions.ts';
import type { AuditRepository } from '../store/audit.ts';
import type { StorageHealth } from '../store/writing/storage-health.ts';
import type { Answering } from './answers/execution-answers.ts';
import type { SessionFiles } from '../files/session-files.ts';
import type { Reconciler } from '../reconcile/reconciler.ts';

/** Dependencies of the routes. */
export interface Services {
  readonly config: ControlPlaneConfig;
  readonly dataPlane: DataPlane;
  readonly executions: Executions;
  readonly answering: Answering;
  readonly sessions: Sessions;
  readonly dispatcher: Dispatcher;
  readonly jobs: Jobs;
  readonly steps: Steps;
  readonly files: SessionFiles;
  readonly reconciler: Reconciler;
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
  readonly databaseDriver: string;
  /** Whether the database answers. */
  databaseAnswers(): Promise<boolean>;
}
