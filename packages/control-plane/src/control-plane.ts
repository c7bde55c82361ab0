import { CaissonError } from '@caisson/protocol/api';
import type { ExecutionId, IdSource, SessionId } from '@caisson/protocol/api';
import type { DataPlane } from '@caisson/protocol/ports';
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
import { EndRecorder } from './executions/end-recorder.ts';
import { Executions } from './executions/executions.ts';
import { Jobs } from './executions/jobs.ts';
import { Steps } from './executions/steps.ts';
import { SessionFiles } from './files/session-files.ts';
import { Reconciler } from './reconcile/reconciler.ts';
import { replicaRepository } from './store/replicas.ts';
import { Idempotency } from './executions/idempotency.ts';
import { jobQuota } from './model/sandbox-quotas.ts';
import { Sessions } from './sessions/sessions.ts';
import { startTicking } from './time/ticking.ts';
import { startRetention } from './retention/start-retention.ts';
import { pooledIds } from './pooled-ids.ts';
import { openStore } from './store/sqlite/database.ts';
import type { Store } from './store/store.ts';
import { OutputLedger } from './store/output/output-ledger.ts';
import { executionRepository } from './store/executions.ts';
import { auditRepository } from './store/audit.ts';
import { idempotencyRepository } from './store/idempotency.ts';
import { sessionRepository } from './store/sessions.ts';
import { tenantRepository } from './store/tenants.ts';

export interface ControlPlaneOptions {
  readonly config: ControlPlaneConfig;
  /** Not closed by the control plane: its creator disposes of it, after `close`. */
  readonly dataPlane: DataPlane;
  readonly logger: Logger;
  /** A database that several control planes share, closed by whoever opened it; default: the one in `config.dataDir`. */
  readonly store?: Store;
  /** Whether executions and sessions end with this control plane: it is the only one, in one process with its node. */
  readonly ownsDataPlane?: boolean;
  readonly clock?: Clock;
  readonly ids?: IdSource;
}

export interface ControlPlane {
  /** Starts to listen; port 0 picks a free port. */
  listen(port: number, host: string): Promise<{ url: string }>;
  /**
   * Stops: refuses new work, waits for running executions for `shutdownGraceMs` or until `signal` aborts, ends the rest and all
   * sessions, and closes the server and the database. Can be called twice.
   */
  close(signal?: AbortSignal): Promise<void>;
  /** Path of the file with the admin key, on the very first start only; the key is not printed or logged. */
  readonly newKeyFile: string | undefined;
}

const METRICS_TIMEOUT_MS = 5_000;

/** Opens the database, reconciles what an earlier process left, and builds the server. */
export async function createControlPlane(options: ControlPlaneOptions): Promise<ControlPlane> {
  const { config, dataPlane, clock = systemClock, ids = pooledIds(), ownsDataPlane = true } = options;
  const logger = options.logger.child({}, { redact: ['req.headers.authorization', 'headers.authorization'] });
  await using undo = new AsyncDisposableStack();
  const onStorageChange = storageReporter(logger);
  const store =
    options.store ??
    undo.use(await openStore(config.dataDir, { exclusive: true, onChange: onStorageChange }));
  const { db, writer, storage } = store;
  const ledger = new OutputLedger(store.shared);
  const executionStore = executionRepository(db, writer, ledger);
  const sessionStore = sessionRepository(db, writer);
  const tenants = tenantRepository(db, writer);
  const metrics = createMetrics();
  undo.defer(() => {
    metrics.close();
  });
  const closing = new AbortController();
  const { signal } = closing;
  const { id: nodeId } = await dataPlane.describe(signal);
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
  const { replicaId, outputLimitBytes } = config;
  const recorder = new EndRecorder({ dataPlane, store: executionStore, storage, metrics, clock, logger });
  const executions = new Executions({
    config,
    replicaId,
    nodeId,
    dataPlane,
    recorder,
    store: executionStore,
    storage,
    dispatcher,
    logger,
    clock,
    closing: signal,
  });
  const idempotency = new Idempotency({
    store: idempotencyRepository(db, writer),
    storage,
    clock,
    maxAgeMs: config.idempotencyKeyAgeMs,
    exists: async (tenantId, id) =>
      (await executionStore.find(tenantId, id as ExecutionId)) !== undefined ||
      (await sessionStore.find(tenantId, id as SessionId)) !== undefined,
  });
  const sessions = new Sessions({
    config,
    nodeId,
    dataPlane,
    executions,
    idempotency,
    store: sessionStore,
    storage,
    logger,
    clock,
    ids,
    closing: signal,
  });
  const jobs = new Jobs({
    dataPlane,
    executions,
    idempotency,
    quota: jobQuota(config),
    outputLimitBytes,
    ids,
    closing: signal,
  });
  const steps = new Steps({ sessions, executions, idempotency, outputLimitBytes, ids });
  const reconciler = new Reconciler({
    config,
    replicaId,
    dataPlane,
    executions,
    jobs,
    sessions,
    recorder,
    executionStore,
    sessionStore,
    replicas: replicaRepository(db, writer),
    clock,
    logger,
    closing: signal,
  });
  const audit = auditRepository(db, writer);
  const files = new SessionFiles({
    sessions,
    audit,
    storage,
    operations: new FileOperations({
      perSession: config.maxFileOperationsPerSession,
      perTenant: config.maxFileOperationsPerTenant,
      waitingPerTenant: config.maxWaitingFileOperationsPerTenant,
    }),
    transfers: new FileTransfers(config.maxFileTransfersPerTenant),
    clock,
    timeoutMs: config.fileOperationTimeoutMs,
  });
  metrics.observe({
    queued: () => dispatcher.waiting,
    running: () => dispatcher.running,
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
    jobs,
    steps,
    files,
    reconciler,
    audit,
    storage,
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
  await reconciler.run('all');
  const reconcile = async () => {
    await reconciler.run('node');
  };
  undo.use(startTicking('reconciliation', config.syncIntervalMs, reconcile, logger));
  undo.defer(onLostSandboxes(dataPlane, reconcile, logger));
  undo.use(startRetention({ config, db, writer, ledger, clock, logger }));
  const resources = undo.move();

  let closed: Promise<void> | undefined;
  const close = async (abort?: AbortSignal): Promise<void> => {
    sessions.stopIntake();
    await executions.stopIntake();
    await executions.drain(config.shutdownGraceMs, ownsDataPlane, abort);
    if (ownsDataPlane) await sessions.endAll();
    closing.abort(new CaissonError('shutting_down', { retryAfterSeconds: 5 }));
    await resources.disposeAsync();
  };
  return {
    newKeyFile,
    async listen(port, host) {
      const url = await api.listen({ port, host });
      // Only now, so that callers can watch queued jobs run.
      dispatcher.dispatch();
      return { url };
    },
    close: (abort) => (closed ??= close(abort)),
  };
}

function storageReporter(logger: Logger): (failure: unknown) => void {
  return (failure) => {
    if (failure === undefined) logger.info('the storage can be written again');
    else logger.error({ err: failure }, 'the storage cannot be written: new work is refused until it can');
  };
}

/** Calls `act` soon after sandboxes are lost; the next reconciliation finds missed ones. Returns a function that stops it. */
function onLostSandboxes(
  dataPlane: Pick<DataPlane, 'lostSandboxes'>,
  act: () => Promise<void>,
  logger: Logger,
): () => Promise<void> {
  const stopped = new AbortController();
  const run = async (): Promise<void> => {
    for await (const lost of dataPlane.lostSandboxes(stopped.signal)) if (lost.length > 0) await act();
  };
  const done = run().catch((error: unknown) => {
    logger.error({ err: error }, 'watching for lost sandboxes failed');
  });
  return async () => {
    stopped.abort();
    await done;
  };
}
