import { hash } from 'node:crypto';
import { CaissonError, isFinished, SYSTEM } from '@caisson/protocol';
import type {
  CancelReason,
  ExecutionId,
  ExecutionResult,
  OutputEvent,
  SessionId,
  TenantId,
} from '@caisson/protocol';
import type { Actor } from '../audit/audit-record.ts';
import type { ExecutionFilter } from '../store/executions.ts';
import type { Principal } from '../store/tenants.ts';
import { ExecutionLife } from './execution-life.ts';
import type { LifeDependencies } from './execution-life.ts';
import { queuedExecution } from './execution-record.ts';
import type { ExecutionRecord, ListedExecution, QueuedJob } from './execution-record.ts';
import { executionResultOf, replayOf } from './execution-view.ts';
import { liveExecution } from './live-execution.ts';
import type { LiveExecution, Run } from './live-execution.ts';
import { OutputFeed } from './output-feed.ts';
import type { Follower } from './output-feed.ts';
import { settledWithin } from './waiting.ts';

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
  #stopping = false;

  constructor(dependencies: LifeDependencies) {
    this.#dependencies = dependencies;
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
    const admission = dispatcher.enter(execution.entrant);
    this.#live.set(id, execution);
    const waits = admission === 'wait';
    if (!waits) this.#life.begin(execution);
    execution.inserted = store.insert(execution.record, waits && submission.detached ? submission.job : null);
    try {
      await execution.inserted;
    } catch (error) {
      this.#live.delete(id);
      if (!waits) dispatcher.leave(execution.entrant);
      else if (!dispatcher.withdraw(execution.entrant)) execution.controller.abort();
      throw error;
    }
    if (!waits) this.#watch(this.#life.run(execution));
    return id;
  }

  /** Queues again a job of an earlier process that had not started. */
  resubmit(record: ExecutionRecord, run: Run): void {
    const execution = this.#hold(record, run);
    this.#live.set(record.id, execution);
    this.#dependencies.dispatcher.requeue(execution.entrant);
  }

  /** @throws CaissonError `execution_not_found`, for another tenant's too */
  async find(tenantId: TenantId, id: ExecutionId): Promise<ExecutionRecord> {
    const record = this.#live.get(id)?.record ?? (await this.#dependencies.store.find(tenantId, id));
    if (record?.tenantId !== tenantId) throw new CaissonError('execution_not_found', { id });
    return record;
  }

  /** Newest first. */
  async list(tenantId: TenantId, filter: ExecutionFilter): Promise<ListedExecution[]> {
    return this.#dependencies.store.list(tenantId, filter);
  }

  /** The record and what it has written, as they stand now. */
  async look(
    tenantId: TenantId,
    id: ExecutionId,
  ): Promise<{ record: ExecutionRecord; output: readonly OutputEvent[] }> {
    const live = this.#live.get(id);
    if (live?.record.tenantId === tenantId) return { record: live.record, output: live.feed.output };
    const record = await this.find(tenantId, id);
    return { record, output: await this.#dependencies.store.output(id) };
  }

  /**
   * The record and all that it has written, of one that has ended.
   * @throws CaissonError `execution_not_finished`, `storage_unavailable` where it has ended, but that is not on record yet
   */
  async lookAtEnded(
    tenantId: TenantId,
    id: ExecutionId,
  ): Promise<{ record: ExecutionRecord; output: readonly OutputEvent[] }> {
    const looked = await this.look(tenantId, id);
    const { status } = looked.record.state;
    if (isFinished(status)) return looked;
    throw this.#live.get(id)?.unwritten ?? new CaissonError('execution_not_finished', { id, status });
  }

  /** Waits until it has ended. @throws CaissonError `storage_unavailable` where its end could not be written */
  async result(tenantId: TenantId, id: ExecutionId): Promise<ExecutionResult> {
    const live = this.#live.get(id);
    if (live?.record.tenantId === tenantId) return live.finished.promise;
    const { record, output } = await this.look(tenantId, id);
    return executionResultOf(record, output);
  }

  /** The events after the id `after`, live or replayed. With `holdsBack`, a slow reader slows the code down. */
  async follow(tenantId: TenantId, id: ExecutionId, after: number, holdsBack: boolean): Promise<Follower> {
    const live = this.#live.get(id);
    if (live?.record.tenantId === tenantId) return live.feed.follow(after, holdsBack);
    const { record, output } = await this.look(tenantId, id);
    return OutputFeed.of(replayOf(record, output)).follow(after, false);
  }

  /**
   * Cancels it and waits until it is gone, ten seconds at most; one that has ended stays as it is.
   * @throws CaissonError `storage_unavailable` where its end could not be written
   */
  async cancel({ tenantId, apiKeyId }: Principal, id: ExecutionId): Promise<ExecutionResult> {
    const live = this.#live.get(id);
    if (live?.record.tenantId === tenantId) {
      await this.#life.end(live, 'cancelled', apiKeyId, CANCEL_WAIT_MS);
      if (live.unwritten !== undefined && this.#live.has(id)) throw live.unwritten;
    }
    const { record, output } = await this.look(tenantId, id);
    return executionResultOf(record, output);
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

  #newRecord({ caller, step, templateId }: Submission): ExecutionRecord {
    return queuedExecution({
      id: step.executionId,
      tenantId: caller.tenantId,
      sessionId: step.sessionId,
      language: step.language,
      templateId,
      codeSha256: hash('sha256', step.code, 'hex'),
      submittedBy: caller.apiKeyId,
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
