import { availableParallelism } from 'node:os';
import { isAbsolute } from 'node:path';
import { replicaId } from '@caisson/protocol/api';
import type { ReplicaId } from '@caisson/protocol/api';
import { z } from 'zod';

const MIB = 2 ** 20;
const DAY_MS = 24 * 3600 * 1000;

/**
 * Executions wait far more than they compute (for their sandbox to start, for files, for `sleep`), and each has a CPU
 * limit of its own, so that eight to a core keep it busy; more would only cost memory, and time to each of them.
 */
const EXECUTIONS_PER_CORE = 8;

const count = (fallback: number) => z.int().min(1).default(fallback);

const settings = z.strictObject({
  /** Directory of the database and the admin key; it is made if it is not there. */
  dataDir: z.string().refine(isAbsolute, 'must be an absolute path'),
  maxConcurrentExecutions: z.int().min(1).optional(),
  /** Default: three quarters, so that no tenant can keep all others waiting for its long executions. */
  maxConcurrentExecutionsPerTenant: z.int().min(1).optional(),
  maxQueuedExecutions: count(1000),
  maxQueuedExecutionsPerTenant: z.int().min(1).optional(),
  /** Bound of what waiting requests may hold in memory, in bytes. */
  maxQueuedBytes: count(256 * MIB),
  maxSessionsPerTenant: count(200),
  /** How many connections of a tenant may follow events of executions at one time. */
  maxEventReadersPerTenant: count(100),
  /** How much of each of stdout and stderr is kept, in bytes. */
  outputLimitBytes: count(MIB),
  /** Of JSON bodies; files have no limit but the workspace's. */
  bodyLimitBytes: count(4 * MIB),
  /** How long running executions may take to finish when the server stops. */
  shutdownGraceMs: z.int().min(0).default(10_000),
  /** How long a session can live in all, extensions included. */
  maxSessionLifetimeMs: count(24 * 3600 * 1000),
  /** How often the records are compared with what the node runs, and expired sessions ended. */
  syncIntervalMs: count(1000),
  /** For how long a sandbox lives after the last control plane has renewed its lease. */
  sandboxLeaseMs: count(300_000),
  /** Of this control plane among those that share a database; the same after a restart, so that it goes on with its own. */
  replicaId: replicaId.default('main' as ReplicaId),
  idempotencyKeyAgeMs: count(24 * 3600 * 1000),
  /** How long executions and sessions are kept after their end. */
  retentionMs: count(7 * DAY_MS),
  /** How much output of executions a tenant may have on record, in bytes; beyond it the oldest goes first. */
  maxOutputBytesPerTenant: count(2 ** 30),
  /** How long events of the audit trail are kept. */
  auditRetentionMs: count(365 * DAY_MS),
  /** How often is looked for what is kept no longer. */
  retentionIntervalMs: count(10_000),
  createSandboxTimeoutMs: count(60_000),
  /** How long a request's JSON body may take to arrive, and how long a file's may pause. */
  bodyTimeoutMs: count(30_000),
  /** How long a directory may take to be listed, or a file or directory to be deleted, waiting included. */
  fileOperationTimeoutMs: count(30_000),
  maxFileOperationsPerSession: count(2),
  maxFileOperationsPerTenant: count(4),
  maxWaitingFileOperationsPerTenant: count(100),
  /** Uploads and downloads at once; each may hold half a MiB of buffers. */
  maxFileTransfersPerTenant: count(32),
  /** How often a silent event stream gets a comment, so that proxies keep it open. */
  heartbeatMs: count(15_000),
  /** How long a reader of events or of a file may take nothing before it is dropped. */
  stalledReaderMs: count(60_000),
});

/** Names of all settings. */
export const CONTROL_PLANE_SETTINGS: readonly string[] = Object.keys(settings.shape);

/** What the control plane needs to know; the composition root parses it once. */
export const controlPlaneConfig = settings.transform((config) => {
  const concurrent =
    config.maxConcurrentExecutions ?? Math.max(16, EXECUTIONS_PER_CORE * availableParallelism());
  return {
    ...config,
    maxConcurrentExecutions: concurrent,
    maxConcurrentExecutionsPerTenant:
      config.maxConcurrentExecutionsPerTenant ?? Math.ceil((concurrent * 3) / 4),
    maxQueuedExecutionsPerTenant:
      config.maxQueuedExecutionsPerTenant ?? Math.ceil((config.maxQueuedExecutions * 3) / 4),
  };
});

export type ControlPlaneConfigInput = z.input<typeof controlPlaneConfig>;
export type ControlPlaneConfig = z.output<typeof controlPlaneConfig>;
