import { hash } from 'node:crypto';
import { CaissonError, isFinished, SYSTEM } from '@caisson/protocol';
import type { CancelReason, ExecutionId, ExecutionResult, SessionId, TenantId } from '@caisson/protocol';
import type { Actor } from '../audit/audit-record.ts';
import type { ExecutionFilter, StoredExecution } from '../store/executions.ts';
import type { Principal } from '../model/principal.ts';
import { ExecutionLife } from './execution-life.ts';
import type { LifeDependencies } from './execution-life.ts';
import { queuedExecution } from '../model/execution-record.ts';
import type { ExecutionRecord, ListedExecution, QueuedJob } from '../model/execution-record.ts';
import { executionLogsOf, executionResultOf } from '../views/execution-view.ts';
import { liveExecution } from './live-execution.ts';
import type { LiveExecution, Run } from './live-execution.ts';
import type { Follower } from './output-feed.ts';
import { ReaderSeats } from './reader-seats.ts';
import { followStored } from './stored-follower.ts';
import { assertKept, storedLogsOf, storedResultOf } from '../views/stored-result.ts';
import type { ExecutionLogs, JsonPieces } from '../views/stored-result.ts';
import { settledWithin } from '../time/settled-within.ts';

/** How long a cancel waits for the code to be gone before it tells the state as it is. */
const CANCEL_WAIT_MS = 10_000;
const SHUTTING_DOWN = { retryAfterSeconds: 5 };

export interface Submission extends Run {
  readonly caller: Principal;
  readonly templateId: string;
  /** What runs it after a restart; `null` for a step of a session, which ends with the server. */
  readonly job: QueuedJob | null;
}

/** All executions: the live ones in memory, the others in the store. */
export class Executions {
  readonly #live = new Map<ExecutionId, LiveExecution>();
  readonly #dependencies: LifeDependencies;
  readonly #life: ExecutionLife;
  readonly #seats: ReaderSeats;
  #stopping = false;

  constructor(dependencies: LifeDependencies) {
    this.#dependencies = dependencies;
    this.#seats = new ReaderSeats(dependencies.config.maxEventReadersPerTenant);
    this.#life = new ExecutionLife(dependencies, ({ record }) => this.#live.delete(record.id));
  }

  get stopping(): boolean {
    return this.#stopping;
  }

  /**
   * Admits an execution and records it; it runs at once, or when its turn comes.
   * @throws CaissonError `queue_full`, `shutting_down`, `storage_unavailable`
   */
  async submit(submission: Submission): Promise<ExecutionId> {
    if (this.#stopping) throw new CaissonError('shutting_down', SHUTTING_DOWN);
    const { dispatcher, storage, store } = this.#dependencies;
    storage.assertWorking();
    const execution = this.#hold(this.#newRecord(submission), submission);
    const { id } = execution.record;
    const admission = dispatcher.enter(execution.item);
    this.#live.set(id, execution);
    const waits = admission === 'wait';
    if (!waits) this.#life.begin(execution);
    execution.inserted = store.insert(execution.record, waits && submission.detached ? submission.job : null);
    try {
      await execution.inserted;
    } catch (error) {
      this.#live.delete(id);
      if (!waits) dispatcher.leave(execution.item);
      else if (!dispatcher.withdraw(execution.item)) execution.controller.abort();
      throw error;
    }
    if (!waits) this.#watch(this.#life.run(execution));
    return id;
  }

  /** Queues again a job of an earlier process that had not started. */
  resubmit(record: ExecutionRecord, run: Run): void {
    const execution = this.#hold(record, run);
    this.#live.set(record.id, execution);
    this.#dependencies.dispatcher.requeue(execution.item);
  }

  /** @throws CaissonError `execution_not_found`, for another tenant's too */
  async find(tenantId: TenantId, id: ExecutionId): Promise<ListedExecution> {
    const live = this.#liveOf(tenantId, id);
    const record = live?.record ?? (await this.#dependencies.store.find(tenantId, id));
    return record ?? notFound(id);
  }

  /** Newest first. */
  async list(tenantId: TenantId, filter: ExecutionFilter): Promise<ListedExecution[]> {
    return this.#dependencies.store.list(tenantId, filter);
  }

  /** What came of it so far. @throws CaissonError `execution_not_found`, `output_expired` */
  async look(tenantId: TenantId, id: ExecutionId): Promise<ExecutionResult | JsonPieces> {
    const live = this.#liveOf(tenantId, id);
    if (live !== undefined) return executionResultOf(live.record, live.feed.output);
    return storedResultOf(await this.#read(tenantId, id));
  }

  /** Its output so far. @throws CaissonError `execution_not_found`, `output_expired` */
  async logs(tenantId: TenantId, id: ExecutionId): Promise<ExecutionLogs | JsonPieces> {
    const live = this.#liveOf(tenantId, id);
    if (live !== undefined) return executionLogsOf(live.record, live.feed.output);
    return storedLogsOf(await this.#read(tenantId, id));
  }

  /**
   * What came of one that has ended.
   * @throws CaissonError `execution_not_found`, `output_expired`, `execution_not_finished`, and `storage_unavailable` where it
   * has ended, but that is not on record yet
   */
  async lookAtEnded(tenantId: TenantId, id: ExecutionId): Promise<ExecutionResult | JsonPieces> {
    const { status } = (await this.find(tenantId, id)).state;
    if (isFinished(status)) return storedResultOf(await this.#read(tenantId, id));
    throw this.#live.get(id)?.unwritten ?? new CaissonError('execution_not_finished', { id, status });
  }

  /** Waits until it has ended. @throws CaissonError `output_expired`, `storage_unavailable` where its end could not be written */
  async result(tenantId: TenantId, id: ExecutionId): Promise<ExecutionResult | JsonPieces> {
    const live = this.#liveOf(tenantId, id);
    if (live === undefined) return this.look(tenantId, id);
    const finished = await live.finished.promise;
    return 'pieces' in finished ? finished.pieces() : finished.execution;
  }

  /** A place among the tenant's readers of events, to be had before the execution is there. @throws CaissonError `too_many_readers` */
  takeSeat(tenantId: TenantId): Disposable {
    return this.#seats.take(tenantId);
  }

  /**
   * The events after the id `after`, live or replayed; disposing of the reader gives its `seat` back. With `holdsBack`, a slow
   * reader slows the code down.
   * @throws CaissonError `execution_not_found`, `output_expired`, `too_many_readers`
   */
  async follow(
    tenantId: TenantId,
    id: ExecutionId,
    after: number,
    holdsBack: boolean,
    seat = this.takeSeat(tenantId),
  ): Promise<Follower> {
    using resources = new DisposableStack();
    resources.use(seat);
    const follower = resources.use(
      this.#liveOf(tenantId, id)?.feed.follow(after, holdsBack) ??
        followStored(await this.#readKept(tenantId, id), after),
    );
    const held = resources.move();
    return {
      next: () => follower.next(),
      [Symbol.dispose]: () => {
        held.dispose();
      },
    };
  }

  /**
   * Cancels it and waits until it is gone, ten seconds at most; one that has ended stays as it is.
   * @throws CaissonError `execution_not_found`, `output_expired`, `storage_unavailable` where its end could not be written
   */
  async cancel({ tenantId, id: by }: Principal, id: ExecutionId): Promise<ExecutionResult | JsonPieces> {
    const live = this.#liveOf(tenantId, id);
    if (live !== undefined) {
      await this.#life.end(live, 'cancelled', by, CANCEL_WAIT_MS);
      if (live.unwritten !== undefined && this.#live.has(id)) throw live.unwritten;
    }
    return this.look(tenantId, id);
  }

  /** How many steps of a session run or wait. */
  countOfSession(sessionId: SessionId): number {
    let count = 0;
    for (const { record } of this.#live.values()) if (record.sessionId === sessionId) count += 1;
    return count;
  }

  /** Ends all steps of a session, and waits until they are gone, `waitMs` at most. */
  async endOfSession(sessionId: SessionId, reason: CancelReason, by: Actor, waitMs: number): Promise<void> {
    const steps = [...this.#live.values()].filter(({ record }) => record.sessionId === sessionId);
    await Promise.all(steps.map((step) => this.#life.end(step, reason, by, waitMs)));
  }

  /** Takes nothing new and starts nothing that waits. A job that waits without its caller stays for the next start. */
  async stopIntake(): Promise<void> {
    this.#stopping = true;
    this.#dependencies.dispatcher.hold();
    const stays = ({ record, run }: LiveExecution) => run.detached && record.sessionId === null;
    const waiting = [...this.#live.values()].filter(({ record }) => record.state.status === 'queued');
    await Promise.all(
      waiting
        .filter((one) => !stays(one))
        .map((one) => this.#life.end(one, 'shutdown', SYSTEM, CANCEL_WAIT_MS)),
    );
    for (const { feed, finished } of waiting.filter(stays)) {
      feed.close();
      finished.reject(new CaissonError('shutting_down', SHUTTING_DOWN));
    }
  }

  /** Lets what runs finish for `graceMs`, or until `signal`, then ends it. */
  async drain(graceMs: number, signal?: AbortSignal): Promise<void> {
    const running = [...this.#live.values()].filter(({ record }) => record.state.status === 'running');
    const ended = Promise.allSettled(running.map(({ finished }) => finished.promise));
    await settledWithin(ended, graceMs, signal);
    await Promise.all(running.map((one) => this.#life.end(one, 'shutdown', SYSTEM, CANCEL_WAIT_MS)));
  }

  #liveOf(tenantId: TenantId, id: ExecutionId): LiveExecution | undefined {
    const live = this.#live.get(id);
    return live?.record.tenantId === tenantId ? live : undefined;
  }

  async #read(tenantId: TenantId, id: ExecutionId): Promise<StoredExecution> {
    return (await this.#dependencies.store.read(tenantId, id)) ?? notFound(id);
  }

  async #readKept(tenantId: TenantId, id: ExecutionId): Promise<StoredExecution> {
    const stored = await this.#read(tenantId, id);
    assertKept(stored);
    return stored;
  }

  #newRecord({ caller, step, templateId }: Submission): ExecutionRecord {
    return queuedExecution({
      id: step.executionId,
      tenantId: caller.tenantId,
      sessionId: step.sessionId,
      language: step.language,
      templateId,
      codeSha256: hash('sha256', step.code, 'hex'),
      submittedBy: caller.id,
      replicaId: null,
      createdAt: this.#dependencies.clock.nowMs(),
    });
  }

  #hold(record: ExecutionRecord, run: Run): LiveExecution {
    return liveExecution(record, run, (execution) => {
      this.#watch(this.#life.runQueued(execution));
    });
  }

  #watch(run: Promise<void>): void {
    run.catch((error: unknown) => {
      this.#dependencies.logger.error({ err: error }, 'an execution was left without an end');
    });
  }
}

function notFound(id: ExecutionId): never {
  throw new CaissonError('execution_not_found', { id });
}
