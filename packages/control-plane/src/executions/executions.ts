import { hash } from 'node:crypto';
import { CaissonError, isCaissonError, isFinished, SYSTEM } from '@caisson/protocol/api';
import type {
  CancelReason,
  ExecutionId,
  ExecutionResult,
  NodeId,
  ReplicaId,
  SessionId,
  TenantId,
} from '@caisson/protocol/api';
import type { OutputEvent } from '@caisson/protocol/ports';
import type { ControlPlaneConfig } from '../config.ts';
import { queuedExecution } from '../model/execution-record.ts';
import type { ExecutionRecord, ListedExecution, QueuedJob } from '../model/execution-record.ts';
import type { Principal } from '../model/principal.ts';
import type { ExecutionFilter, StoredExecution } from '../store/executions.ts';
import { settledWithin } from '../time/settled-within.ts';
import { executionLogsOf, executionResultOf } from '../views/execution-view.ts';
import { assertKept, storedLogsOf, storedResultOf } from '../views/stored-result.ts';
import type { ExecutionLogs, JsonPieces } from '../views/stored-result.ts';
import { followUnfinished } from './execution-events.ts';
import type { EventReader, FinishedEvent } from './execution-events.ts';
import { ExecutionLife } from './execution-life.ts';
import type { LifeDependencies } from './execution-life.ts';
import { liveExecution } from './live-execution.ts';
import type { LiveExecution, Run } from './live-execution.ts';
import { OtherReplicas } from './other-replicas.ts';
import { ReaderSeats } from './reader-seats.ts';
import { followStored } from './stored-follower.ts';

/** How long a cancel waits for the code to stop before it returns the current state. */
const CANCEL_WAIT_MS = 10_000;
const SHUTTING_DOWN = { retryAfterSeconds: 5 };

export interface ExecutionsDependencies extends LifeDependencies {
  readonly config: Pick<ControlPlaneConfig, 'maxEventReadersPerTenant'>;
  readonly replicaId: ReplicaId;
  readonly nodeId: NodeId;
}

export interface Submission extends Run {
  readonly caller: Principal;
  readonly templateId: string;
  /** What a restart needs to run it; `null` for a step of a session, which ends with the server. */
  readonly job: QueuedJob | null;
}

/**
 * All executions: the recorded ones from the store, the unfinished ones from the node. Those that this replica handles are also
 * kept in memory, which saves their callers a database query; losing that memory loses nothing.
 */
export class Executions {
  readonly #live = new Map<ExecutionId, LiveExecution>();
  readonly #dependencies: ExecutionsDependencies;
  readonly #life: ExecutionLife;
  readonly #others: OtherReplicas;
  readonly #seats: ReaderSeats;
  #stopping = false;

  constructor(dependencies: ExecutionsDependencies) {
    this.#dependencies = dependencies;
    this.#seats = new ReaderSeats(dependencies.config.maxEventReadersPerTenant);
    this.#others = new OtherReplicas(dependencies);
    this.#life = new ExecutionLife(dependencies, ({ record }) => this.#live.delete(record.id));
  }

  get stopping(): boolean {
    return this.#stopping;
  }

  /**
   * Admits an execution and records it; it runs at once, or waits in the queue for its turn.
   * @throws CaissonError `queue_full`, `shutting_down`, `storage_unavailable`
   */
  async submit(submission: Submission): Promise<void> {
    if (this.#stopping) throw new CaissonError('shutting_down', SHUTTING_DOWN);
    const { dispatcher, nodeId, storage, store } = this.#dependencies;
    storage.assertWorking();
    const execution = this.#newLive(this.#newRecord(submission), submission);
    const { id } = execution.record;
    const waits = dispatcher.enter(execution.item) === 'wait';
    this.#live.set(id, execution);
    if (!waits) this.#life.begin(execution, nodeId);
    execution.inserted = store.insert(execution.record, waits && submission.detached ? submission.job : null);
    try {
      await execution.inserted;
    } catch (error) {
      this.#live.delete(id);
      if (!waits) dispatcher.leave(execution.item);
      else dispatcher.withdraw(execution.item);
      throw error;
    }
    if (!waits) this.#watch(this.#life.run(execution));
  }

  /** Requeues a job from the queue of a replica that is gone. */
  requeue(record: ExecutionRecord, run: Run): void {
    const execution = this.#newLive(record, run);
    this.#live.set(record.id, execution);
    this.#dependencies.dispatcher.requeue(execution.item);
  }

  /** Whether this replica handles it. */
  isLive(id: ExecutionId): boolean {
    return this.#live.has(id);
  }

  /** @throws CaissonError `execution_not_found`, also for another tenant's execution */
  async find(tenantId: TenantId, id: ExecutionId): Promise<ListedExecution> {
    const live = this.#liveOf(tenantId, id);
    const record = live?.record ?? (await this.#dependencies.store.find(tenantId, id));
    return record ?? notFound(id);
  }

  /** Newest first. */
  async list(tenantId: TenantId, filter: ExecutionFilter): Promise<ListedExecution[]> {
    return this.#dependencies.store.list(tenantId, filter);
  }

  /** Its result so far. @throws CaissonError `execution_not_found`, `output_expired` */
  async snapshot(tenantId: TenantId, id: ExecutionId): Promise<ExecutionResult | JsonPieces> {
    const found = this.#liveOf(tenantId, id) ?? (await this.#read(tenantId, id));
    if (isFinished(found.record.state.status)) return storedResultOf(await this.#stored(found));
    return executionResultOf(found.record, await this.#outputOf(id));
  }

  /** Its output so far. @throws CaissonError `execution_not_found`, `output_expired` */
  async logs(tenantId: TenantId, id: ExecutionId): Promise<ExecutionLogs | JsonPieces> {
    const found = this.#liveOf(tenantId, id) ?? (await this.#read(tenantId, id));
    if (isFinished(found.record.state.status)) return storedLogsOf(await this.#stored(found));
    return executionLogsOf(found.record, await this.#outputOf(id));
  }

  /**
   * The result of a finished execution.
   * @throws CaissonError `execution_not_found`, `output_expired`, `execution_not_finished`, and `storage_unavailable` if its
   * outcome is not recorded yet
   */
  async finishedResult(tenantId: TenantId, id: ExecutionId): Promise<ExecutionResult | JsonPieces> {
    const { status } = (await this.find(tenantId, id)).state;
    if (isFinished(status)) return storedResultOf(await this.#read(tenantId, id));
    throw this.#live.get(id)?.unwritten ?? new CaissonError('execution_not_finished', { id, status });
  }

  /**
   * Waits for its result. Unless `detached`, it is cancelled when its caller disconnects: when `gone` aborts.
   * @throws CaissonError `output_expired`, `storage_unavailable` if its outcome could not be written
   */
  async result(
    caller: Principal,
    id: ExecutionId,
    { detached, gone }: { readonly detached: boolean; readonly gone: AbortSignal },
  ): Promise<ExecutionResult | JsonPieces> {
    const leave = () => {
      // Nobody is left to receive the error; the outcome of the execution is recorded either way.
      if (!detached) this.cancel(caller, id).catch(() => undefined);
    };
    gone.addEventListener('abort', leave, { once: true });
    if (gone.aborted) leave();
    try {
      const live = this.#liveOf(caller.tenantId, id);
      const finished = await (live?.finished.promise ?? this.#others.finished(caller.tenantId, id, gone));
      return 'pieces' in finished ? finished.pieces() : finished.execution;
    } finally {
      gone.removeEventListener('abort', leave);
    }
  }

  /** Takes a seat of the tenant's event readers, before the execution exists. @throws CaissonError `too_many_readers` */
  takeSeat(tenantId: TenantId): Disposable {
    return this.#seats.take(tenantId);
  }

  /**
   * The events after the id `after`, live or replayed; disposing of the reader releases its `seat`. With `holdsBack`, a slow
   * reader slows the code down.
   * @throws CaissonError `execution_not_found`, `output_expired`, `too_many_readers`
   */
  async follow(
    tenantId: TenantId,
    id: ExecutionId,
    after: number,
    holdsBack: boolean,
    seat = this.takeSeat(tenantId),
  ): Promise<EventReader> {
    using resources = new DisposableStack();
    resources.use(seat);
    const reader = resources.use(await this.#reader(tenantId, id, after, holdsBack));
    const held = resources.move();
    return {
      next: () => reader.next(),
      [Symbol.dispose]: () => {
        held.dispose();
      },
    };
  }

  /**
   * Cancels it and waits until it has ended, at most ten seconds; a finished execution stays as it is.
   * @throws CaissonError `execution_not_found`, `output_expired`, `storage_unavailable` if its outcome could not be written
   */
  async cancel(caller: Principal, id: ExecutionId): Promise<ExecutionResult | JsonPieces> {
    const { tenantId, id: by } = caller;
    const end = { reason: 'cancelled', by } as const;
    const live = this.#liveOf(tenantId, id);
    if (live === undefined) await this.#others.cancel(tenantId, id, end, CANCEL_WAIT_MS);
    else {
      await this.#life.end(live, end, CANCEL_WAIT_MS);
      if (live.unwritten !== undefined && this.#live.has(id)) throw live.unwritten;
    }
    return this.snapshot(tenantId, id);
  }

  /** Ends the queued steps of a session; running steps end with their sandbox. */
  async endWaitingOf(sessionId: SessionId, reason: CancelReason, by: string): Promise<void> {
    const { store } = this.#dependencies;
    const end = { reason, by };
    for (const step of this.#live.values()) {
      const { record } = step;
      if (record.sessionId === sessionId && record.state.status === 'queued') {
        await this.#life.end(step, end, CANCEL_WAIT_MS);
      }
    }
    for await (const { record } of store.unfinished({ sessionId })) {
      if (record.state.status === 'queued' && !this.#live.has(record.id))
        await this.#others.endQueued(record, end);
    }
  }

  /** How many steps of a session are running or queued. */
  async countOfSession(sessionId: SessionId): Promise<number> {
    let count = 0;
    for await (const { record } of this.#dependencies.store.unfinished({ sessionId })) {
      if (record.sessionId === sessionId) count += 1;
    }
    return count;
  }

  /** Accepts no new executions and starts none from the queue. Queued detached jobs stay queued for the next start. */
  async stopIntake(): Promise<void> {
    this.#stopping = true;
    this.#dependencies.dispatcher.hold();
    const stays = ({ record, run }: LiveExecution) => run.detached && record.sessionId === null;
    const waiting = [...this.#live.values()].filter(({ record }) => record.state.status === 'queued');
    const end = { reason: 'shutdown', by: SYSTEM } as const;
    await Promise.all(
      waiting.filter((one) => !stays(one)).map((one) => this.#life.end(one, end, CANCEL_WAIT_MS)),
    );
    for (const { started, finished, record } of waiting.filter(stays)) {
      this.#live.delete(record.id);
      finished.reject(new CaissonError('shutting_down', SHUTTING_DOWN));
      started.resolve(undefined);
    }
  }

  /** Waits at most `graceMs`, or until `signal` aborts, for running executions to finish; with `endRest`, then ends the rest. */
  async drain(graceMs: number, endRest: boolean, signal?: AbortSignal): Promise<void> {
    const running = [...this.#live.values()].filter(({ record }) => record.state.status === 'running');
    const ended = Promise.allSettled(running.map(({ finished }) => finished.promise));
    await settledWithin(ended, graceMs, signal);
    if (!endRest) return;
    const end = { reason: 'shutdown', by: SYSTEM } as const;
    await Promise.all(running.map((one) => this.#life.end(one, end, CANCEL_WAIT_MS)));
  }

  #liveOf(tenantId: TenantId, id: ExecutionId): LiveExecution | undefined {
    const live = this.#live.get(id);
    return live?.record.tenantId === tenantId ? live : undefined;
  }

  async #read(tenantId: TenantId, id: ExecutionId): Promise<StoredExecution> {
    return (await this.#dependencies.store.read(tenantId, id)) ?? notFound(id);
  }

  async #stored(found: LiveExecution | StoredExecution): Promise<StoredExecution> {
    return 'output' in found ? found : this.#read(found.record.tenantId, found.record.id);
  }

  /** The output so far of an unfinished execution. */
  async #outputOf(id: ExecutionId): Promise<readonly OutputEvent[]> {
    const { dataPlane, closing } = this.#dependencies;
    try {
      return (await dataPlane.output(id, 0, closing)).events;
    } catch (error) {
      // It is queued, or has only just ended.
      if (isCaissonError(error, 'execution_not_found')) return [];
      throw error;
    }
  }

  async #reader(
    tenantId: TenantId,
    id: ExecutionId,
    after: number,
    holdsBack: boolean,
  ): Promise<EventReader> {
    const { dataPlane } = this.#dependencies;
    const live = this.#liveOf(tenantId, id);
    const replay = async (from: number) => followStored(await this.#read(tenantId, id), from);
    if (live !== undefined) {
      const source = {
        replay,
        record: live.record,
        started: async () => {
          await live.started.promise;
          return live.record;
        },
        finished: async () =>
          live.finished.promise.catch(async (error: unknown) => this.#endLater(live, error)),
      };
      return followUnfinished(dataPlane, source, after, holdsBack);
    }
    const stored = await this.#read(tenantId, id);
    assertKept(stored);
    if (isFinished(stored.record.state.status)) return followStored(stored, after);
    const source = {
      replay,
      record: stored.record,
      started: async (signal: AbortSignal) => this.#others.started(tenantId, id, signal),
      finished: async (signal: AbortSignal) => this.#others.finished(tenantId, id, signal),
    };
    return followUnfinished(dataPlane, source, after, holdsBack);
  }

  /** If its outcome could not be written at once, its readers wait until it is. */
  async #endLater({ record, unwritten }: LiveExecution, error: unknown): Promise<FinishedEvent> {
    if (unwritten === undefined) throw error;
    return this.#others.finished(record.tenantId, record.id, this.#dependencies.closing, false);
  }

  #newRecord({ caller, request: { step }, templateId }: Submission): ExecutionRecord {
    const { clock, replicaId } = this.#dependencies;
    return queuedExecution({
      id: step.executionId,
      tenantId: caller.tenantId,
      sessionId: step.sessionId,
      language: step.language,
      templateId,
      codeSha256: hash('sha256', step.code, 'hex'),
      submittedBy: caller.id,
      createdAt: clock.nowMs(),
      replicaId,
    });
  }

  #newLive(record: ExecutionRecord, run: Run): LiveExecution {
    return liveExecution(record, run, (execution) => {
      this.#watch(this.#life.runQueued(execution, this.#dependencies.nodeId));
    });
  }

  #watch(run: Promise<void>): void {
    run.catch((error: unknown) => {
      this.#dependencies.logger.error({ err: error }, 'execution has no recorded outcome');
    });
  }
}

function notFound(id: ExecutionId): never {
  throw new CaissonError('execution_not_found', { id });
}
