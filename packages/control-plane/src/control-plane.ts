import type { DataPlane, IdSource } from '@caisson/protocol';
import { sql } from 'kysely';
import type { Logger } from 'pino';
import packageJson from '../package.json' with { type: 'json' };
import { serverCloser } from './api/close-server.ts';
import { FileOperations } from './files/file-operations.ts';
import { FileTransfers } from './files/file-transfers.ts';
import { buildServer } from './api/server.ts';
import type { Services } from './api/services.ts';
import { authenticator } from './auth/authenticate.ts';
import { makeFirstKey } from './auth/first-start.ts';
import { systemClock } from './time/clock.ts';
import type { Clock } from './time/clock.ts';
import type { ControlPlaneConfig } from './config.ts';
import { createMetrics } from './metrics/metrics.ts';
import { RecentLoopDelay } from './metrics/recent-loop-delay.ts';
import { Dispatcher } from './executions/queue/dispatcher.ts';
import { Executions } from './executions/executions.ts';
import { Idempotency } from './executions/idempotency.ts';
import { recover } from './executions/recovery.ts';
import { jobQuota } from './model/sandbox-quotas.ts';
import { Sessions } from './sessions/sessions.ts';
import { startTicking } from './time/ticking.ts';
import { startRetention } from './retention/start-retention.ts';
import { pooledIds } from './pooled-ids.ts';
import { openStore } from './store/sqlite/database.ts';
import { OutputLedger } from './store/output/output-ledger.ts';
import { executionRepository } from './store/executions.ts';
import { auditRepository } from './store/audit.ts';
import { idempotencyRepository } from './store/idempotency.ts';
import { sessionRepository } from './store/sessions.ts';
import { tenantRepository } from './store/tenants.ts';

export interface ControlPlaneOptions {
  readonly config: ControlPlaneConfig;
  /** Not closed by the control plane: whoever made it disposes of it, after `close`. */
  readonly dataPlane: DataPlane;
  readonly logger: Logger;
  readonly clock?: Clock;
  readonly ids?: IdSource;
}

export interface ControlPlane {
  /** Starts to answer; port 0 takes a free one. */
  listen(port: number, host: string): Promise<{ url: string }>;
  /**
   * Stops: takes nothing new, lets what runs finish for `shutdownGraceMs` or until `signal`, ends the rest, ends all
   * sessions, and closes the server and the database. Can be called twice.
   */
  close(signal?: AbortSignal): Promise<void>;
  /** Path of the file with the admin key, on the very first start only; the key is told nowhere else. */
  readonly newKeyFile: string | undefined;
}

const METRICS_TIMEOUT_MS = 5_000;

/** Opens the database, puts right what an earlier process left, and builds the server. */
export async function createControlPlane(options: ControlPlaneOptions): Promise<ControlPlane> {
  const { config, dataPlane, clock = systemClock, ids = pooledIds() } = options;
  const logger = options.logger.child({}, { redact: ['req.headers.authorization', 'headers.authorization'] });
  await using undo = new AsyncDisposableStack();
  const onStorageChange = storageReporter(logger);
  const store = undo.use(await openStore(config.dataDir, { exclusive: true, onChange: onStorageChange }));
  const { db, writer, storage } = store;
  const ledger = new OutputLedger(store.shared);
  const executionStore = executionRepository(db, writer, ledger);
  const sessionStore = sessionRepository(db, writer);
  const tenants = tenantRepository(db, writer);
  const metrics = createMetrics();
  undo.defer(() => {
    metrics.close();
  });
  const dispatcher = new Dispatcher(
    {
      maxRunning: config.maxConcurrentExecutions,
      maxRunningPerTenant: config.maxConcurrentExecutionsPerTenant,
      maxWaiting: config.maxQueuedExecutions,
      maxWaitingPerTenant: config.maxQueuedExecutionsPerTenant,
      maxWaitingBytes: config.maxQueuedBytes,
    },
    clock,
  );
  const executions = new Executions({
    config,
    store: executionStore,
    storage,
    dispatcher,
    metrics,
    logger,
    clock,
  });
  const sessions = new Sessions({
    config,
    dataPlane,
    executions,
    store: sessionStore,
    storage,
    logger,
    clock,
    ids,
  });
  const idempotency = new Idempotency(
    idempotencyRepository(db, writer),
    storage,
    clock,
    config.idempotencyKeyAgeMs,
  );
  metrics.observe({
    queued: () => dispatcher.waiting,
    running: () => dispatcher.running,
    sessions: () => sessions.liveCount,
    dataPlane: async () => dataPlane.health(AbortSignal.timeout(METRICS_TIMEOUT_MS)),
  });
  const newKeyFile = await makeFirstKey(tenants, config.dataDir, clock);
  const services: Services = {
    config,
    dataPlane,
    executions,
    answering: {
      executions,
      sse: { heartbeatMs: config.heartbeatMs, stalledReaderMs: config.stalledReaderMs },
    },
    sessions,
    dispatcher,
    idempotency,
    audit: auditRepository(db, writer),
    storage,
    fileOperations: new FileOperations({
      perSession: config.maxFileOperationsPerSession,
      perTenant: config.maxFileOperationsPerTenant,
      waitingPerTenant: config.maxWaitingFileOperationsPerTenant,
    }),
    fileTransfers: new FileTransfers(config.maxFileTransfersPerTenant),
    authenticate: authenticator(tenants, clock),
    metrics,
    loopDelay: undo.use(new RecentLoopDelay(clock)),
    logger,
    clock,
    ids,
    version: packageJson.version,
    databaseDriver: store.driver,
    databaseAnswers: () =>
      sql`select 1`.execute(db).then(
        () => true,
        () => false,
      ),
  };
  const api = await buildServer(services);
  undo.defer(serverCloser(api));
  await recover({
    dataPlane,
    quota: jobQuota(config),
    executions,
    executionStore,
    sessionStore,
    storage,
    clock,
    logger,
  });
  undo.defer(
    dataPlane.onSandboxLost((id) => {
      sessions.sandboxLost(id);
    }),
  );
  undo.use(startTicking('session sweep', config.sweepIntervalMs, () => sessions.sweep(), logger));
  undo.use(startRetention({ config, db, writer, ledger, clock, logger }));
  const resources = undo.move();

  let closing: Promise<void> | undefined;
  const close = async (signal?: AbortSignal): Promise<void> => {
    sessions.stopIntake();
    await executions.stopIntake();
    await executions.drain(config.shutdownGraceMs, signal);
    await sessions.endAll();
    await resources.disposeAsync();
  };
  return {
    newKeyFile,
    async listen(port, host) {
      const url = await api.listen({ port, host });
      // Only now: what waited is run when it can be watched.
      dispatcher.dispatch();
      return { url };
    },
    close: (signal) => (closing ??= close(signal)),
  };
}

function storageReporter(logger: Logger): (failure: unknown) => void {
  return (failure) => {
    if (failure === undefined) logger.info('the storage can be written again');
    else logger.error({ err: failure }, 'the storage cannot be written: new work is refused until it can');
  };
}
