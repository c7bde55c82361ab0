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

/** How long the steps of sandboxes that were killed all at once may take to end. */
const LOSS_TIMEOUT_MS = 5_000;
/** Sandboxes whose end nobody waits for; beyond, a job ends only when its sandbox has. */
const MAX_ENDING = 32;

type Job = Parameters<SandboxPlane['runJob']>;

/** The sandboxes of this machine, made and watched by this process. */
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
  /** What makes or uses sandboxes that are not lent: jobs, and creations. */
  readonly #underWay = new Set<Promise<unknown>>();
  /** Steps in lent sandboxes. */
  readonly #steps = new Set<Promise<unknown>>();
  readonly #closing = new AbortController();
  readonly #listeners = new Set<(id: SandboxId) => void>();
  readonly #host: HostWatch;

  /**
   * `host` is what all sandboxes share; `release` frees it, and the pools, and is called when the last sandbox is gone. The
   * runners of what is `served` are ended with the data plane.
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
   * Resolves with the reason when this data plane can neither go on nor be mended. Its sandboxes are dead by then and told as
   * lost, and it makes no new ones; its owner is to dispose of it and end the process.
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

  /** Begins to make sandboxes ready ahead, in the background. Without it, each is made when it is asked for. */
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
      pause: async (pauseSignal) => canPause(sandbox.pause, served)(pauseSignal),
      resume: async (resumeSignal) => canPause(sandbox.resume, served)(resumeSignal),
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
    // Whatever is under way, if only to clear up after itself, holds what is released here.
    while (this.#underWay.size > 0) await Promise.allSettled(this.#underWay);
    await Promise.all([...this.#lent.values()].map(async ({ lent }) => lent.destroy()));
    while (this.#ending.size > 0) await Promise.all(this.#ending);
    await Promise.all(
      [...this.#served.values()].map(async ({ runners }) => runners?.[Symbol.asyncDispose]()),
    );
    await this.#release();
  }

  /** `undefined` where the job is to have a sandbox of its own. */
  async #runInCell({ runners, runtime }: ServedIsolation, ...job: Job): Promise<JobOutcome | undefined> {
    const [request, step, events, signal] = job;
    if (request.isolationScope === 'sandbox' || runners?.hasCellsFor(step.language) !== true)
      return undefined;
    // A cell mounts its workspace itself, and can do so in memory only.
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

  /** Has its code ended, and then `afterEnd` called, if the node needs its memory. One that holds none of the node's is not watched. */
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

  /** @param held is disposed when nothing is left of the place */
  async #endJob(id: SandboxId, place: AsyncDisposable, held: readonly Disposable[]): Promise<void> {
    const gone = this.#end(id, place, held);
    if (this.#ending.size > MAX_ENDING) await gone;
  }

  async #untilDone<Result>(work: () => Promise<Result>): Promise<Result> {
    return this.#tracked(this.#underWay, work());
  }

  async #tracked<Result>(set: Set<Promise<unknown>>, done: Promise<Result>): Promise<Result> {
    set.add(done);
    try {
      return await done;
    } finally {
      set.delete(done);
    }
  }

  /** What came of a step; @throws CaissonError `sandbox_lost` where it crashed because all sandboxes did */
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

  /** Called when every sandbox was killed. First the steps end as what they are, then the sandboxes are told. */
  async #loseAll(): Promise<void> {
    const ending = Promise.allSettled([...this.#steps, ...this.#underWay]);
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
        this.#logger.error({ err: error, sandbox_id: request.id }, 'no sandbox could be made');
      const problem = `the runtime ${runtime.name} could not make one`;
      throw new CaissonError('sandbox_unavailable', { problem }, { cause: error });
    }
  }

  /** The language that a session most likely begins with. */
  #firstLanguage({ templateId }: SandboxRequest): Language {
    return this.templates.find(({ id }) => id === templateId)?.languages[0] ?? 'shell';
  }

  /** Ends a sandbox or a cell; never rejects, for there is nobody to try again: what is left, the next start removes. */
  async #end(id: SandboxId, place: AsyncDisposable, held: readonly Disposable[] = []): Promise<void> {
    const ended = (async () => {
      try {
        await place[Symbol.asyncDispose]();
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
    // Where all of them died at once, that is told once for all.
    if (!this.#lent.has(sandbox.id) || !this.#host.isWhole()) return;
    this.#logger.warn({ sandbox_id: sandbox.id, detail }, 'a sandbox was lost');
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

/** @throws CaissonError `pause_unavailable` where the runtime cannot */
function canPause(change: Sandbox['pause'], { runtime }: ServedIsolation): NonNullable<Sandbox['pause']> {
  if (change === undefined) throw new CaissonError('pause_unavailable', { isolation: runtime.isolation });
  return change;
}
