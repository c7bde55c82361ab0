import { isCaissonError, isFinished, SYSTEM } from '@caisson/protocol/api';
import type { ReplicaId, SandboxId } from '@caisson/protocol/api';
import type { DataPlane, ExecutionStatusOnNode, SandboxStatus } from '@caisson/protocol/ports';
import type { Logger } from 'pino';
import type { ControlPlaneConfig } from '../config.ts';
import { LOST } from '../executions/end-recorder.ts';
import type { EndRecorder } from '../executions/end-recorder.ts';
import type { Executions } from '../executions/executions.ts';
import type { Jobs } from '../executions/jobs.ts';
import type { ExecutionRecord } from '../model/execution-record.ts';
import type { SessionRecord } from '../model/session-record.ts';
import { checkExpiry } from '../sessions/session-expiry.ts';
import type { Sessions } from '../sessions/sessions.ts';
import type { ExecutionRepository, UnfinishedExecution } from '../store/executions.ts';
import type { ReplicaRepository } from '../store/replicas.ts';
import type { SessionRepository } from '../store/sessions.ts';
import type { Clock } from '../time/clock.ts';
import { emptyReport } from './sync-report.ts';
import type { SyncReport } from './sync-report.ts';

/** A replica without a heartbeat for this long is gone. */
const REPLICA_TIMEOUT_MS = 20_000;
const HEARTBEAT_MS = 5_000;
/** How long a live replica may take from the row of an execution to its start, and from its end to the row. */
const HANDLING_MS = 60_000;
/** The last use of a session is recorded only if it moved by at least this much. */
const TOUCH_MS = 5_000;

export interface ReconcilerDependencies {
  readonly config: Pick<ControlPlaneConfig, 'sandboxLeaseMs' | 'createSandboxTimeoutMs'>;
  readonly replicaId: ReplicaId;
  readonly dataPlane: DataPlane;
  readonly executions: Executions;
  readonly jobs: Jobs;
  readonly sessions: Sessions;
  readonly recorder: EndRecorder;
  readonly executionStore: ExecutionRepository;
  readonly sessionStore: SessionRepository;
  readonly replicas: ReplicaRepository;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly closing: AbortSignal;
}

/**
 * Reconciles the rows with the node, in both directions: outcomes that were never recorded are recorded, rows that the node does
 * not know end as lost, sandboxes without a row are destroyed. It compares current state and does not depend on events, so it can
 * run at any time, repeatedly, and on any replica.
 */
export class Reconciler {
  readonly #dependencies: ReconcilerDependencies;
  #underWay: Promise<SyncReport> | undefined;
  /** Time of this replica's last heartbeat. */
  #heartbeatMs = -Infinity;

  constructor(dependencies: ReconcilerDependencies) {
    this.#dependencies = dependencies;
  }

  /**
   * Reconciles now, or waits for the run under way.
   * @param scope `all` includes the rows of all nodes and of this replica's predecessor: at the start, and on request
   */
  async run(scope: 'all' | 'node'): Promise<SyncReport> {
    this.#underWay ??= this.#run(scope).finally(() => {
      this.#underWay = undefined;
    });
    return this.#underWay;
  }

  async #run(scope: 'all' | 'node'): Promise<SyncReport> {
    const { replicaId, replicas, clock } = this.#dependencies;
    const now = clock.nowMs();
    if (now - this.#heartbeatMs >= HEARTBEAT_MS) {
      this.#heartbeatMs = now;
      await replicas.seen(replicaId, now).catch(unlessUnavailable);
    }
    const gone = await replicas.seenBefore(now - REPLICA_TIMEOUT_MS);
    const report = emptyReport();
    // Before the sessions, so that a step in a lost session ends for that reason.
    await this.#executions(scope, gone, report);
    await this.#sessions(report);
    for (const id of gone) await replicas.remove(id).catch(unlessUnavailable);
    const { executions, sessions, sandboxes } = report;
    const changes = executions.recorded + executions.lost + executions.requeued;
    if (changes + sessions.lost + sandboxes.destroyed > 0) {
      this.#dependencies.logger.warn(report, 'reconciliation corrected differences');
    }
    return report;
  }

  async #executions(scope: 'all' | 'node', gone: readonly ReplicaId[], report: SyncReport): Promise<void> {
    const { dataPlane, executions, executionStore, replicaId, closing } = this.#dependencies;
    const { id: nodeId } = await dataPlane.describe(closing);
    const isGone = (id: ReplicaId | null) => id === null || id === replicaId || gone.includes(id);
    const found: UnfinishedExecution[] = [];
    const orphaned = gone.length === 0 ? [] : [{ queuedBy: gone }];
    const filters = scope === 'all' ? [undefined] : [{ nodeId }, ...orphaned];
    for (const filter of filters) {
      for await (const each of executionStore.unfinished(filter)) {
        const { record, job } = each;
        if (executions.isLive(record.id)) continue;
        if (record.state.status === 'running') found.push(each);
        else if (isGone(record.replicaId)) await this.#adopt(record, job, report);
      }
    }
    // Only now, so that it includes every execution that started before its row was read.
    const onNode = new Map((await dataPlane.executions(closing)).map((one) => [one.id, one]));
    for (const { record } of found) {
      const onThisNode = onNode.get(record.id);
      if (onThisNode?.state === 'ended') await this.#recordEnd(record, report);
      else if (onThisNode === undefined && this.#isAbandoned(record, isGone))
        await this.#recordLost(record, report);
    }
    await this.#acknowledgeRecorded([...onNode.values()], report);
  }

  /** A job moves to the queue of this replica; a step is lost with its caller. */
  async #adopt(record: ExecutionRecord, job: UnfinishedExecution['job'], report: SyncReport): Promise<void> {
    const { executions, executionStore, jobs, replicaId } = this.#dependencies;
    if (job === null) {
      await this.#recordLost(record, report);
      return;
    }
    const isOurs = record.replicaId === replicaId;
    if (isOurs || (await executionStore.adopt(record.id, record.replicaId, replicaId))) {
      executions.requeue({ ...record, replicaId }, jobs.runOf(job, true));
      report.executions.requeued += 1;
    }
  }

  /** A live replica may be about to start it, or to record its outcome. */
  #isAbandoned(record: ExecutionRecord, isGone: (id: ReplicaId | null) => boolean): boolean {
    if (this.#dependencies.executions.isLive(record.id)) return false;
    const sinceMs = record.startedAt ?? record.createdAt;
    return isGone(record.replicaId) || this.#dependencies.clock.nowMs() - sinceMs > HANDLING_MS;
  }

  async #recordEnd(record: ExecutionRecord, report: SyncReport): Promise<void> {
    const { dataPlane, recorder, closing } = this.#dependencies;
    try {
      const outcome = await dataPlane.outcome(record.id, closing);
      const recorded = await recorder.recordFromNode(record, outcome, closing, giveUp);
      if (recorded !== undefined) report.executions.recorded += 1;
    } catch (error) {
      // Another replica was quicker, or the storage fails: then it is recorded once that works again.
      if (!isCaissonError(error, 'execution_not_found')) unlessUnavailable(error);
    }
  }

  async #recordLost(record: ExecutionRecord, report: SyncReport): Promise<void> {
    const { recorder } = this.#dependencies;
    const from = record.state.status === 'queued' ? 'queued' : undefined;
    try {
      const recorded = await recorder.record(record, LOST, [], giveUp, from);
      if (recorded !== undefined) report.executions.lost += 1;
    } catch (error) {
      unlessUnavailable(error);
    }
  }

  /** Acknowledges recorded outcomes that the node still keeps: the replica that recorded them did not get to it. */
  async #acknowledgeRecorded(onNode: readonly ExecutionStatusOnNode[], report: SyncReport): Promise<void> {
    const { dataPlane, executions, executionStore, closing } = this.#dependencies;
    for (const { id, tenantId, state } of onNode) {
      if (state !== 'ended' || executions.isLive(id)) continue;
      const row = await executionStore.find(tenantId, id);
      if (row !== undefined && !isFinished(row.state.status)) continue;
      await dataPlane.acknowledge(id, closing);
      report.executions.acknowledged += 1;
    }
  }

  async #sessions(report: SyncReport): Promise<void> {
    const { config, dataPlane, sessionStore, closing } = this.#dependencies;
    // Listed twice: a sandbox counts as lost only if missing after the rows were read, and as rowless only if listed before.
    const before = await dataPlane.sandboxes(closing);
    const rows = await sessionStore.live();
    const after = new Map((await dataPlane.sandboxes(closing)).map((sandbox) => [sandbox.id, sandbox]));
    const wanted = new Set<SandboxId>();
    for (const row of rows) {
      wanted.add(row.sandboxId);
      const sandbox = after.get(row.sandboxId);
      if (sandbox === undefined) await this.#endIfLost(row, report);
      else this.#endIfExpired(row, sandbox);
    }
    await this.#touch(rows, after);
    await dataPlane.renewLeases([...wanted], config.sandboxLeaseMs, closing);
    report.sandboxes.renewed += wanted.size;
    for (const { id, state } of before) {
      if (wanted.has(id) || state === 'ending') continue;
      await dataPlane.destroySandbox(id, { reason: 'session_terminated', by: SYSTEM }, closing);
      report.sandboxes.destroyed += 1;
    }
  }

  async #endIfLost(row: SessionRecord, report: SyncReport): Promise<void> {
    const { clock, config, sessions } = this.#dependencies;
    if (sessions.isChanging(row.id)) return;
    const ageMs = clock.nowMs() - row.createdAt;
    const isBeingMade = row.state.status === 'creating' && ageMs < config.createSandboxTimeoutMs;
    if (isBeingMade && (await this.#othersLive())) return;
    await sessions.end(row, 'sandbox_lost', SYSTEM);
    report.sessions.lost += 1;
  }

  /** Whether another replica is live, which may be creating it. */
  async #othersLive(): Promise<boolean> {
    const { replicaId, replicas, clock } = this.#dependencies;
    const living = await replicas.seenSince(clock.nowMs() - REPLICA_TIMEOUT_MS);
    return living.some((id) => id !== replicaId);
  }

  #endIfExpired(row: SessionRecord, { idleMs, uses }: SandboxStatus): void {
    const { clock, sessions } = this.#dependencies;
    const now = clock.nowMs();
    const lastUsedAt = Math.max(row.lastUsedAt, Math.round(now - idleMs));
    const check = checkExpiry(now, { ...row, lastUsedAt }, uses);
    if (check.keep || sessions.isChanging(row.id)) return;
    sessions.end(row, check.reason, SYSTEM).catch((error: unknown) => {
      this.#dependencies.logger.error({ err: error, session_id: row.id }, 'expired session not ended');
    });
  }

  /** Records the last use of sessions, so that it survives the node. */
  async #touch(
    rows: readonly SessionRecord[],
    sandboxes: ReadonlyMap<SandboxId, SandboxStatus>,
  ): Promise<void> {
    const { clock, sessionStore } = this.#dependencies;
    const now = clock.nowMs();
    const used = rows.flatMap(({ id, sandboxId, lastUsedAt: last }) => {
      const sandbox = sandboxes.get(sandboxId);
      const lastUsedAt = sandbox === undefined ? last : Math.round(now - sandbox.idleMs);
      return lastUsedAt - last >= TOUCH_MS ? [{ id, lastUsedAt }] : [];
    });
    if (used.length > 0) await sessionStore.touch(used).catch(unlessUnavailable);
  }
}

/** Thrown out of a write that is retried until the storage works again, so that the run does not wait for it. */
function giveUp(error: Error): never {
  throw error;
}

/** Ignores a failing storage: the next run tries again. */
function unlessUnavailable(error: unknown): void {
  if (!isCaissonError(error, 'storage_unavailable')) throw error;
}
