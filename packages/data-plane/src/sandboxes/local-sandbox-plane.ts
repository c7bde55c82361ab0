import { setTimeout as delay } from 'node:timers/promises';
import type { Isolation, IsolationScope, Language, SandboxId } from '@caisson/protocol/api';
import type {
  DataPlaneHealth,
  EventSink,
  Placement,
  Resources,
  RuntimeHealth,
  SandboxRequest,
  StepOutcome,
  StepRequest,
  Template,
} from '@caisson/protocol/ports';
import { CaissonError } from '@caisson/protocol/api';
import { Cancellation } from '@caisson/protocol/ports';
import type { LoopShare } from '@caisson/session-agent';
import type { Logger } from 'pino';
import { runInCell } from '../cells/job.ts';
import { eitherAborted } from '../abort/either-aborted.ts';
import type { HostNode } from '../node/host-node.ts';
import type { MemoryHolder } from '../node/capacity/memory-holder.ts';
import type { Runtime, Sandbox } from '../runtimes/runtime.ts';
import { HostWatch } from './host-watch.ts';
import type { SharedHost } from './host-watch.ts';
import type { JobOutcome, LentSandbox, SandboxPlane } from './sandbox-plane.ts';
import type { ServedIsolation } from '../served-isolation.ts';
import { BUILT_IN_TEMPLATES } from '../templates/templates.ts';

/** How long steps may take to end after all sandboxes were killed at once. */
const LOSS_TIMEOUT_MS = 5_000;
/** How many sandboxes may be ending in the background; beyond that, a job waits for the end of its sandbox. */
const MAX_ENDING = 32;

type Job = Parameters<SandboxPlane['runJob']>;

/** Sandboxes of this machine, created and watched by this process. */
export class LocalSandboxPlane implements SandboxPlane {
  readonly templates: readonly Template[] = BUILT_IN_TEMPLATES;
  readonly #served: ReadonlyMap<Isolation, ServedIsolation>;
  readonly #node: HostNode;
  readonly #runtimes: readonly RuntimeHealth[];
  readonly #loopShare: LoopShare;
  readonly #logger: Logger;
  readonly #release: () => Promise<void>;
  readonly #lent = new Map<SandboxId, { sandbox: Sandbox; lent: LentSandbox }>();
  readonly #ending = new Set<Promise<void>>();
  /** Jobs, and sandboxes being created. */
  readonly #pending = new Set<Promise<unknown>>();
  /** Running steps in lent sandboxes. */
  readonly #steps = new Set<Promise<unknown>>();
  readonly #closing = new AbortController();
  readonly #listeners = new Set<(id: SandboxId) => void>();
  readonly #host: HostWatch;

  /**
   * @param parts.host what all sandboxes share
   * @param parts.release frees the host and the pools; called when the last sandbox is gone
   * @param parts.served its runners end with this plane
   */
  constructor(parts: {
    served: ReadonlyMap<Isolation, ServedIsolation>;
    host: SharedHost;
    node: HostNode;
    runtimes: readonly RuntimeHealth[];
    loopShare: LoopShare;
    logger: Logger;
    release: () => Promise<void>;
  }) {
    this.#served = parts.served;
    this.#node = parts.node;
    this.#runtimes = parts.runtimes;
    this.#loopShare = parts.loopShare;
    this.#logger = parts.logger;
    this.#release = parts.release;
    this.#host = new HostWatch(parts.host, parts.logger, async () => this.#loseAll());
  }

  /**
   * Resolves with the reason when this plane has failed for good. By then its sandboxes are dead and reported as lost, and it
   * creates no new ones; the owner should dispose it and exit.
   */
  get failed(): Promise<Error> {
    return this.#host.failed;
  }

  get maximum(): Resources {
    return this.#node.capacity.maximum;
  }

  async health(): Promise<DataPlaneHealth> {
    return Promise.resolve({
      runtimes: this.#runtimes,
      sandboxes: this.#lent.size,
      pools: [...this.#served.values()].flatMap(({ pool }) => pool.health()),
      reads: { ...this.#loopShare.counters },
      problems: this.#host.problems,
      capacity: this.#node.health(),
    });
  }

  /** Starts to prepare sandboxes ahead, in the background. Without it, each is created on request. */
  warmUp(): void {
    for (const { pool } of this.#served.values()) pool.start();
  }

  async createSandbox(request: SandboxRequest, signal: AbortSignal): Promise<LentSandbox> {
    const served = this.#servedFor(request);
    const sandbox = await this.#untilDone(async () =>
      this.#create(served, request, this.#firstLanguage(request), signal),
    );
    const guarded = this.#guard(sandbox.id, sandbox.memory, () => {
      this.#lose(sandbox, lent);
    });
    const lent: LentSandbox = {
      id: sandbox.id,
      placement: placementOf(served.runtime, 'sandbox'),
      agent: {
        ...sandbox.agent,
        steps: {
          run: async (...step) =>
            this.#tracked(this.#steps, this.#unlessLost(sandbox, sandbox.agent.steps.run(...step))),
          prewarm: async (...kernel) => sandbox.agent.steps.prewarm(...kernel),
          adoptEnvironment: async (...env) => sandbox.agent.steps.adoptEnvironment(...env),
        },
      },
      pause: async (pauseSignal) => requirePause(sandbox.pause, served)(pauseSignal),
      resume: async (resumeSignal) => requirePause(sandbox.resume, served)(resumeSignal),
      destroy: async () => {
        this.#lent.delete(sandbox.id);
        await this.#end(sandbox.id, sandbox, [guarded]);
      },
    };
    this.#lent.set(sandbox.id, { sandbox, lent });
    sandbox.ended.then(
      (end) => {
        if (end.reason === 'died') this.#noteDeath(sandbox, lent, end.detail);
      },
      () => undefined,
    );
    return lent;
  }

  async runJob(
    request: SandboxRequest,
    step: StepRequest,
    events: EventSink,
    signal: AbortSignal,
  ): Promise<JobOutcome> {
    const served = this.#servedFor(request);
    this.#checkHost();
    return this.#untilDone(async () => {
      using ended = eitherAborted(signal, this.#closing.signal);
      return (
        (await this.#runInCell(served, request, step, events, ended.signal)) ??
        (await this.#runInSandbox(served, request, step, events, ended.signal))
      );
    });
  }

  onSandboxLost(listener: (id: SandboxId) => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#host[Symbol.dispose]();
    this.#closing.abort(new Cancellation('shutdown'));
    // Pending work, even if it only cleans up, still uses what is released here.
    while (this.#pending.size > 0) await Promise.allSettled(this.#pending);
    await Promise.all([...this.#lent.values()].map(async ({ lent }) => lent.destroy()));
    while (this.#ending.size > 0) await Promise.all(this.#ending);
    await Promise.all(
      [...this.#served.values()].map(async ({ runners }) => runners?.[Symbol.asyncDispose]()),
    );
    await this.#release();
  }

  /** `undefined` if the job needs its own sandbox. */
  async #runInCell({ runners, runtime }: ServedIsolation, ...job: Job): Promise<JobOutcome | undefined> {
    const [request, step, events, signal] = job;
    if (request.isolationScope === 'sandbox' || runners?.hasCellsFor(step.language) !== true)
      return undefined;
    // A cell mounts its own workspace, which can only be in memory.
    if (this.#node.isOnDisk(request.resources)) return undefined;
    using unlessLeased = new DisposableStack();
    const room = unlessLeased.use(await this.#node.reserve(request, 'cell', signal));
    const leased = await runners.lease(request, step, signal);
    if (leased === undefined) return undefined;
    unlessLeased.move();
    const { meter } = leased.cell;
    const guarded = this.#guard(request.id, meter);
    try {
      const outcome = await this.#unlessLost(
        request,
        runInCell(request.id, leased.cell, { step, events, loopShare: this.#loopShare }, signal),
      );
      return { outcome, placement: placementOf(runtime, 'cell') };
    } finally {
      await this.#endJob(request.id, leased, [guarded, room]);
    }
  }

  async #runInSandbox(served: ServedIsolation, ...job: Job): Promise<JobOutcome> {
    const [request, step, events, signal] = job;
    const sandbox = await this.#create(served, request, step.language, signal);
    const guarded = this.#guard(request.id, sandbox.memory);
    try {
      const outcome = await this.#unlessLost(request, sandbox.agent.steps.run(step, events, signal));
      return { outcome, placement: placementOf(served.runtime, 'sandbox') };
    } finally {
      await this.#endJob(request.id, sandbox, [guarded]);
    }
  }

  /**
   * Ends its code, then calls `afterEnd`, if the node needs its memory. Does nothing without `memory`: none of the node's is
   * used.
   */
  #guard(id: SandboxId, memory: MemoryHolder | undefined, afterEnd?: () => void): Disposable {
    if (memory === undefined) return { [Symbol.dispose]: () => undefined };
    return this.#node.guard({
      id,
      heldBytes: () => memory.heldBytes(),
      end: () => {
        memory.runOutOfMemory();
        afterEnd?.();
      },
    });
  }

  /** @param held disposed once `sandboxOrCell` is gone */
  async #endJob(id: SandboxId, sandboxOrCell: AsyncDisposable, held: readonly Disposable[]): Promise<void> {
    const gone = this.#end(id, sandboxOrCell, held);
    if (this.#ending.size > MAX_ENDING) await gone;
  }

  async #untilDone<Result>(work: () => Promise<Result>): Promise<Result> {
    return this.#tracked(this.#pending, work());
  }

  async #tracked<Result>(set: Set<Promise<unknown>>, done: Promise<Result>): Promise<Result> {
    set.add(done);
    try {
      return await done;
    } finally {
      set.delete(done);
    }
  }

  /** The outcome of `step`. @throws CaissonError `sandbox_lost` if it crashed because all sandboxes did */
  async #unlessLost({ id }: { id: SandboxId }, step: Promise<StepOutcome>): Promise<StepOutcome> {
    try {
      const outcome = await step;
      if (outcome.reason !== 'kernel_crashed' || this.#host.isWhole()) return outcome;
    } catch (error) {
      if (this.#host.isWhole()) throw error;
      throw new CaissonError('sandbox_lost', { id }, { cause: error });
    }
    throw new CaissonError('sandbox_lost', { id });
  }

  /**
   * Called once every sandbox is killed. Lets the steps end with their own outcomes before the sandboxes are reported as lost.
   */
  async #loseAll(): Promise<void> {
    const ending = Promise.allSettled([...this.#steps, ...this.#pending]);
    await Promise.race([ending, delay(LOSS_TIMEOUT_MS, undefined, { ref: false })]);
    for (const id of this.#lent.keys()) for (const listener of this.#listeners) listener(id);
  }

  #servedFor({ isolation }: SandboxRequest): ServedIsolation {
    const served = this.#served.get(isolation);
    if (served === undefined)
      throw new CaissonError('isolation_unavailable', { isolation, available: [...this.#served.keys()] });
    return served;
  }

  #checkHost(): void {
    if (this.#host.problems.length === 0) return;
    throw new CaissonError('sandbox_unavailable', { problem: 'the server has failed and is shutting down' });
  }

  async #create(
    { pool, runtime }: ServedIsolation,
    request: SandboxRequest,
    language: Language,
    signal: AbortSignal,
  ): Promise<Sandbox> {
    this.#checkHost();
    try {
      return await pool.take(request, language, signal);
    } catch (error) {
      signal.throwIfAborted();
      if (error instanceof CaissonError) throw error;
      if (this.#host.isWhole())
        this.#logger.error({ err: error, sandbox_id: request.id }, 'sandbox not created');
      const problem = `the runtime ${runtime.name} could not make one`;
      throw new CaissonError('sandbox_unavailable', { problem }, { cause: error });
    }
  }

  /** The language a session most likely starts with. */
  #firstLanguage({ templateId }: SandboxRequest): Language {
    return this.templates.find(({ id }) => id === templateId)?.languages[0] ?? 'shell';
  }

  /** Ends a sandbox or cell. Never rejects, because no caller could retry: the next start removes leftovers. */
  async #end(id: SandboxId, sandboxOrCell: AsyncDisposable, held: readonly Disposable[] = []): Promise<void> {
    const ended = (async () => {
      try {
        await sandboxOrCell[Symbol.asyncDispose]();
        for (const each of held) each[Symbol.dispose]();
      } catch (error) {
        this.#logger.error({ err: error, sandbox_id: id }, 'sandbox not removed');
      }
    })();
    this.#ending.add(ended);
    await ended;
    this.#ending.delete(ended);
  }

  #noteDeath(sandbox: Sandbox, lent: LentSandbox, detail: string): void {
    // The death of all sandboxes at once is reported once.
    if (!this.#lent.has(sandbox.id) || !this.#host.isWhole()) return;
    this.#logger.warn({ sandbox_id: sandbox.id, detail }, 'sandbox lost');
    this.#lose(sandbox, lent);
  }

  #lose({ id }: Sandbox, lent: LentSandbox): void {
    lent.destroy().catch((error: unknown) => {
      this.#logger.error({ err: error, sandbox_id: id }, 'lost sandbox not removed');
    });
    for (const listener of this.#listeners) listener(id);
  }
}

function placementOf(
  { name, isolation }: Pick<Runtime, 'name' | 'isolation'>,
  scope: IsolationScope,
): Placement {
  return { runtime: name, isolation, scope };
}

/** @throws CaissonError `pause_unavailable` if the runtime cannot pause */
function requirePause(change: Sandbox['pause'], { runtime }: ServedIsolation): NonNullable<Sandbox['pause']> {
  if (change === undefined) throw new CaissonError('pause_unavailable', { isolation: runtime.isolation });
  return change;
}
