import { availableParallelism } from 'node:os';
import { isAbsolute } from 'node:path';
import { replicaId } from '@caisson/protocol/api';
import type { ReplicaId } from '@caisson/protocol/api';
import { z } from 'zod';

const MIB = 2 ** 20;
const DAY_MS = 24 * 3600 * 1000;

/**
 * Executions per core. They wait more than they compute (for their sandbox to start, for files, for `sleep`), and each has its
 * own CPU limit, so eight keep a core busy; more would only take memory and slow each other down.
 */
const EXECUTIONS_PER_CORE = 8;

const count = (fallback: number) => z.int().min(1).default(fallback);

const settings = z.strictObject({
  /** Directory of the database and the admin key; created if missing. */
  dataDir: z.string().refine(isAbsolute, 'must be an absolute path'),
  maxConcurrentExecutions: z.int().min(1).optional(),
  /** Default: three quarters of all, so that no tenant can block all others with long executions. */
  maxConcurrentExecutionsPerTenant: z.int().min(1).optional(),
  maxQueuedExecutions: count(1000),
  maxQueuedExecutionsPerTenant: z.int().min(1).optional(),
  /** Memory limit of queued requests, in bytes. */
  maxQueuedBytes: count(256 * MIB),
  maxSessionsPerTenant: count(200),
  /** Concurrent event readers of a tenant. */
  maxEventReadersPerTenant: count(100),
  /** Limit of stdout and of stderr of an execution, in bytes; the rest is dropped. */
  outputLimitBytes: count(MIB),
  /** Limit of JSON bodies; files are only limited by the workspace. */
  bodyLimitBytes: count(4 * MIB),
  /** Time for running executions to finish when the server stops. */
  shutdownGraceMs: z.int().min(0).default(10_000),
  /** Longest lifetime of a session, including extensions. */
  maxSessionLifetimeMs: count(24 * 3600 * 1000),
  /** Interval of reconciling the records with the node, which also ends expired sessions. */
  syncIntervalMs: count(1000),
  /** How long a sandbox lives after the last renewal of its lease by any control plane. */
  sandboxLeaseMs: count(300_000),
  /** Identifies this control plane among those that share a database; unchanged by a restart, so that it finds its executions. */
  replicaId: replicaId.default('main' as ReplicaId),
  idempotencyKeyAgeMs: count(24 * 3600 * 1000),
  /** Retention of executions and sessions after their end. */
  retentionMs: count(7 * DAY_MS),
  /** Limit of a tenant's recorded output, in bytes; beyond it, the oldest is removed first. */
  maxOutputBytesPerTenant: count(2 ** 30),
  /** Retention of audit events. */
  auditRetentionMs: count(365 * DAY_MS),
  /** Interval of retention sweeps. */
  retentionIntervalMs: count(10_000),
  createSandboxTimeoutMs: count(60_000),
  /** Time limit for a JSON body to arrive, and for pauses in the upload of a file. */
  bodyTimeoutMs: count(30_000),
  /** Time limit of listing a directory, or deleting a file or directory, including the wait for its turn. */
  fileOperationTimeoutMs: count(30_000),
  maxFileOperationsPerSession: count(2),
  maxFileOperationsPerTenant: count(4),
  maxWaitingFileOperationsPerTenant: count(100),
  /** Concurrent uploads and downloads; each may take half a MiB of buffers. */
  maxFileTransfersPerTenant: count(32),
  /** Interval of comments on a silent event stream, so that proxies keep it open. */
  heartbeatMs: count(15_000),
  /** How long a reader of events or of a file may read nothing before it is disconnected. */
  stalledReaderMs: count(60_000),
});

/** Names of all settings. */
export const CONTROL_PLANE_SETTINGS: readonly string[] = Object.keys(settings.shape);

/** Configuration of the control plane; the composition root parses it once. */
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
