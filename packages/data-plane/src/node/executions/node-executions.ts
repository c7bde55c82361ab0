import { CaissonError, isCaissonError } from '@caisson/protocol/api';
import type { ExecutionId, SandboxId } from '@caisson/protocol/api';
import type {
  EndRequest,
  ExecutionHost,
  ExecutionOutcome,
  ExecutionRequest,
  ExecutionStatusOnNode,
  OutputBatch,
} from '@caisson/protocol/ports';
import type { Logger } from 'pino';
import { orAborted } from '../../abort/or-aborted.ts';
import type { JobOutcome, SandboxPlane } from '../../sandboxes/sandbox-plane.ts';
import type { NodeSandboxes } from '../sandboxes/node-sandboxes.ts';
import { NodeExecution } from './node-execution.ts';
import { runGuarded } from './run-guarded.ts';

const MIB = 2 ** 20;
const TICK_MS = 1_000;
/** Most ends are acknowledged at once. The others wait on disk for a control plane to return. */
const SPILL_AFTER_MS = 5_000;
const RETRY_AFTER_SECONDS = 5;

export interface KeptBounds {
  /** How long an outcome is kept without an acknowledgement. */
  readonly keepMs: number;
  /** Bounds for ended executions: their number, and their size in memory and on disk. */
  readonly count: number;
  readonly memoryBytes: number;
  readonly diskBytes: number;
}

export const KEPT_BOUNDS: KeptBounds = {
  keepMs: 3_600_000,
  count: 20_000,
  memoryBytes: 64 * MIB,
  diskBytes: 4096 * MIB,
};

export interface NodeExecutionsParts {
  readonly plane: Pick<SandboxPlane, 'runJob'>;
  readonly sandboxes: Pick<NodeSandboxes, 'runStep'>;
  /** For output that is not acknowledged soon. */
  readonly spillDirectory: string;
  /** How long after its deadline a step is abandoned if its sandbox does not answer. */
  readonly graceMs: number;
  readonly bounds: KeptBounds;
  readonly logger: Logger;
  /** A clock that never goes back. */
  readonly nowMs: () => number;
}

/** Executions of a node, see `ExecutionHost`. */
export class NodeExecutions implements ExecutionHost, AsyncDisposable {
  readonly #parts: NodeExecutionsParts;
  readonly #known = new Map<ExecutionId, NodeExecution>();
  readonly #running = new Set<Promise<void>>();
  readonly #tick: NodeJS.Timeout;
  #ended = 0;
  /** In memory, of those that have ended, when they were last looked at. */
  #heldBytes = 0;
  #spillFails = false;

  constructor(parts: NodeExecutionsParts) {
    this.#parts = parts;
    this.#tick = setInterval(() => {
      this.#tidy();
    }, TICK_MS).unref();
  }

  async start(request: ExecutionRequest, signal: AbortSignal): Promise<void> {
    signal.throwIfAborted();
    const { executionId } = request.step;
    if (this.#known.has(executionId)) return;
    if (this.#isFull()) {
      throw new CaissonError('insufficient_capacity', {
        resource: 'outputs that wait to be recorded',
        retryAfterSeconds: RETRY_AFTER_SECONDS,
      });
    }
    const execution = new NodeExecution(request);
    const run = this.#prepare(execution);
    this.#known.set(executionId, execution);
    const done = this.#run(execution, run);
    this.#running.add(done);
    done.then(
      () => this.#running.delete(done),
      (error: unknown) => {
        this.#running.delete(done);
        this.#parts.logger.error({ err: error, execution_id: executionId }, 'execution has no outcome');
      },
    );
    return Promise.resolve();
  }

  async *follow(
    id: ExecutionId,
    after: number,
    holdsBack: boolean,
    signal: AbortSignal,
  ): AsyncGenerator<OutputBatch> {
    yield* this.#find(id).follow(after, holdsBack, signal);
  }

  async output(id: ExecutionId, after: number): Promise<OutputBatch> {
    return this.#find(id).output(after);
  }

  async outcome(id: ExecutionId, signal: AbortSignal): Promise<ExecutionOutcome> {
    return orAborted(this.#find(id).outcome(this.#parts.nowMs), signal);
  }

  async cancel(id: ExecutionId, end: EndRequest): Promise<void> {
    this.#known.get(id)?.cancel(end);
    return Promise.resolve();
  }

  async acknowledge(id: ExecutionId): Promise<void> {
    const execution = this.#known.get(id);
    if (execution?.endedMs !== undefined) await this.#forget(id, execution);
  }

  async executions(): Promise<ExecutionStatusOnNode[]> {
    return Promise.resolve([...this.#known.values()].map(statusOf));
  }

  /** Ends every execution in a sandbox; resolves when they have ended. */
  async endAllIn(sandboxId: SandboxId, end: EndRequest): Promise<void> {
    const steps = [...this.#known.values()].filter(({ request: { target } }) => {
      return target.type === 'sandbox' && target.sandboxId === sandboxId;
    });
    for (const step of steps) step.cancel(end);
    await Promise.all(steps.map(async ({ ended }) => ended));
  }

  /** Ends all executions and drops their output. */
  async [Symbol.asyncDispose](): Promise<void> {
    clearInterval(this.#tick);
    for (const execution of this.#known.values()) execution.cancel({ reason: 'shutdown', by: 'system' });
    while (this.#running.size > 0) await Promise.allSettled(this.#running);
    await Promise.all([...this.#known].map(async ([id, execution]) => this.#forget(id, execution)));
  }

  /** @throws CaissonError if the execution cannot start */
  #prepare({ request, sink }: NodeExecution): (signal: AbortSignal) => Promise<JobOutcome> {
    const { plane, sandboxes } = this.#parts;
    const { step, target } = request;
    return target.type === 'fresh'
      ? async (signal) => plane.runJob(target.sandbox, step, sink, signal)
      : sandboxes.runStep(target.sandboxId, step, sink);
  }

  async #run(execution: NodeExecution, run: (signal: AbortSignal) => Promise<JobOutcome>): Promise<void> {
    const { graceMs, logger, nowMs } = this.#parts;
    const { executionId, sessionId, timeoutMs } = execution.request.step;
    const { outcome, placement, cause } = await runGuarded(run, execution.controller, { timeoutMs, graceMs });
    if (cause !== undefined) {
      const isKnown = isCaissonError(cause, 'sandbox_lost') || isCaissonError(cause, 'insufficient_capacity');
      logger[isKnown ? 'info' : 'warn'](
        { err: cause, execution_id: executionId, session_id: sessionId },
        'execution had no sandbox',
      );
    }
    execution.finish(outcome, placement, nowMs());
    this.#ended += 1;
  }

  #find(id: ExecutionId): NodeExecution {
    const execution = this.#known.get(id);
    if (execution === undefined) throw new CaissonError('execution_not_found', { id });
    return execution;
  }

  async #forget(id: ExecutionId, execution: NodeExecution): Promise<void> {
    if (this.#known.get(id) !== execution) return;
    this.#known.delete(id);
    if (execution.endedMs !== undefined) this.#ended -= 1;
    await execution[Symbol.asyncDispose]();
  }

  #isFull(): boolean {
    const { count, diskBytes, memoryBytes } = this.#parts.bounds;
    // Twice, for what goes to disk only now, and as a bound where the disk does not take it.
    return this.#ended >= count || this.#heldBytes >= 2 * memoryBytes || this.#spilledBytes() >= diskBytes;
  }

  /** Moves old or large outputs to disk, and drops those that were never acknowledged. */
  #tidy(): void {
    const { bounds, nowMs } = this.#parts;
    const now = nowMs();
    let held = 0;
    for (const [id, execution] of this.#known) {
      if (execution.endedMs === undefined) continue;
      const ageMs = now - execution.endedMs;
      held += execution.heldBytes;
      if (ageMs >= bounds.keepMs) this.#drop(id, execution);
      else if (ageMs >= SPILL_AFTER_MS || held > bounds.memoryBytes) this.#spill(id, execution);
    }
    this.#heldBytes = held;
  }

  #drop(id: ExecutionId, execution: NodeExecution): void {
    this.#parts.logger.error({ execution_id: id }, 'outcome dropped: no control plane has acknowledged it');
    this.#forget(id, execution).catch((error: unknown) => {
      this.#parts.logger.error({ err: error, execution_id: id }, 'output not removed');
    });
  }

  #spill(id: ExecutionId, execution: NodeExecution): void {
    if (execution.heldBytes === 0) return;
    execution.spill(this.#parts.spillDirectory).then(
      () => {
        this.#spillFails = false;
      },
      (error: unknown) => {
        // It stays in memory, and is tried again.
        if (!this.#spillFails) {
          this.#parts.logger.error({ err: error, execution_id: id }, 'output not written to disk');
        }
        this.#spillFails = true;
      },
    );
  }

  #spilledBytes(): number {
    if (this.#ended === 0) return 0;
    let bytes = 0;
    for (const execution of this.#known.values()) bytes += execution.spilledBytes;
    return bytes;
  }
}

function statusOf({ request, endedMs }: NodeExecution): ExecutionStatusOnNode {
  const { step, target, tenantId } = request;
  return {
    id: step.executionId,
    tenantId,
    sandboxId: target.type === 'sandbox' ? target.sandboxId : null,
    state: endedMs === undefined ? 'running' : 'ended',
  };
}
