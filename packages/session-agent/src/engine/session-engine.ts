import { WORKSPACE_DIRECTORY, type Language } from '@caisson/protocol/api';
import {
  stoppedOutcome,
  type EventSink,
  type StepOutcome,
  type StepRequest,
  type Steps,
  type StepUsage,
} from '@caisson/protocol/ports';
import { KERNELS, SANDBOX_LAYOUT, type KernelLayout } from '../kernels/kernels.ts';
import { monotonicClock, type Clock } from './ports/clock.ts';
import { KernelProcess } from './kernel/kernel-process.ts';
import { KernelMemoryGuard } from './kernel/kernel-memory-guard.ts';
import { LoopShare, type LoopAccount } from './reading/loop-share.ts';
import { outcomeOf } from './step/outcome.ts';
import type { KernelSpawner } from './ports/kernel-spawner.ts';
import { StepEvents } from './step/step-events.ts';
import { StepLock } from './step/step-lock.ts';
import { runStep } from './step/step-run.ts';
import { StepStop } from './step/step-stop.ts';
import type { Measurement, Usage, UsageMeter } from './ports/usage-meter.ts';

export interface SessionEngineOptions {
  readonly spawner: KernelSpawner;
  readonly meter: UsageMeter;
  readonly clock?: Clock;
  /** Where the kernels are in the sandbox; default: where `SANDBOX_FILES` are mounted. */
  readonly layout?: KernelLayout;
  /** The directory in which kernels start. */
  readonly workspaceDirectory?: string;
  /** For the code, and for languages with a heap limit of their own. */
  readonly memoryLimitBytes?: number;
  /** Shares the event loop with other sandboxes; default: with none. */
  readonly loopShare?: LoopShare;
}

interface ActiveStep {
  readonly stop: StepStop;
  readonly events: StepEvents;
  readonly startedMs: number;
}

interface Measured {
  readonly memory: KernelMemoryGuard;
  readonly measurement: Measurement;
}

const NO_USAGE: Usage = { cpuMs: 0, peakMemoryBytes: null, outOfMemory: false, outOfProcesses: false };
/** crun 1.8 fails now and then to enter a container that has only just started (`setns: Operation not permitted`). */
const START_ATTEMPTS = 3;
const HEAP_EXHAUSTED = 'heap out of memory';

/** Runs steps in the kernels of one sandbox: one kernel per language, started when first needed. */
export class SessionEngine implements Steps, AsyncDisposable {
  readonly #options: SessionEngineOptions;
  readonly #clock: Clock;
  readonly #reads: LoopAccount;
  readonly #lock = new StepLock();
  readonly #kernels = new Map<Language, KernelProcess>();
  readonly #stops = new Set<StepStop>();
  #adopted: Readonly<Record<string, string>> = {};
  /** Kernels that started without the adopted environment and get it with their next step. */
  readonly #withoutAdopted = new Set<KernelProcess>();
  #closed = false;

  constructor(options: SessionEngineOptions) {
    this.#options = options;
    this.#clock = options.clock ?? monotonicClock;
    const share = options.loopShare ?? new LoopShare(monotonicClock);
    this.#reads = share.account();
  }

  /** @throws what the spawner throws */
  async prewarm(language: Language, signal: AbortSignal): Promise<void> {
    using turn = await this.#lock.acquire(signal);
    turn satisfies Disposable;
    await this.#removeDead(language);
    if (!this.#kernels.has(language)) await this.#startReady(language, signal);
  }

  async adoptEnvironment(env: Readonly<Record<string, string>>): Promise<void> {
    this.#adopted = env;
    for (const kernel of this.#kernels.values()) this.#withoutAdopted.add(kernel);
    return Promise.resolve();
  }

  async run(request: StepRequest, sink: EventSink, signal: AbortSignal): Promise<StepOutcome> {
    const startedMs = this.#clock.nowMs();
    using stop = new StepStop(request.timeoutMs, signal);
    const events = new StepEvents(sink, (error) => {
      stop.fail(error);
    });
    this.#stops.add(stop);
    try {
      const step = { stop, events, startedMs };
      using turn = await this.#turn(stop);
      return turn === undefined ? this.#unstarted(step, false) : await this.#measure(request, step);
    } finally {
      events.close();
      this.#stops.delete(stop);
      if (stop.failure !== undefined) throw stop.failure;
    }
  }

  /** Kills the kernels and everything they started; steps that run or wait end as `session_terminated`. */
  async [Symbol.asyncDispose](): Promise<void> {
    this.#closed = true;
    for (const stop of this.#stops) stop.end('session_terminated');
    const kernels = [...this.#kernels.values()];
    this.#kernels.clear();
    const killed = await Promise.allSettled(kernels.map((kernel) => discard(kernel)));
    const failures = killed.filter(({ status }) => status === 'rejected');
    if (failures.length > 0) throw new AggregateError(failures, 'some kernels could not be killed');
  }

  async #turn(stop: StepStop): Promise<Disposable | undefined> {
    try {
      return await this.#lock.acquire(stop.signal);
    } catch (error) {
      if (stop.cause === undefined) throw error;
      return undefined;
    }
  }

  async #measure(request: StepRequest, step: ActiveStep): Promise<StepOutcome> {
    const memory = new KernelMemoryGuard(step.stop);
    const measurement = this.#options.meter.begin(() => {
      memory.exceed();
    });
    try {
      return await this.#runMeasured(request, step, { memory, measurement });
    } finally {
      measurement.end();
    }
  }

  async #runMeasured(
    request: StepRequest,
    step: ActiveStep,
    { memory, measurement }: Measured,
  ): Promise<StepOutcome> {
    const { stop, events, startedMs } = step;
    const lostBefore = await this.#removeDead(request.language);
    if (lostBefore) await stop.waitFor(events.emit({ type: 'kernel_restarted' }));
    const kernel = await this.#kernelFor(request.language, stop);
    if (kernel === undefined) return this.#unstarted(step, lostBefore);
    memory.watch(kernel);
    const { end, returnValue, truncated, stderrTail } = await runStep(request, {
      kernel,
      adoptedEnv: this.#withoutAdopted.delete(kernel) ? this.#adopted : {},
      stop,
      events,
      memoryLimitBytes: this.#options.memoryLimitBytes,
      remainingMs: startedMs + request.timeoutMs - this.#clock.nowMs(),
    });
    const usage = measurement.end();
    // The rest of a fork bomb would keep every later step from starting a process.
    if (usage.outOfProcesses) await kernel.kill();
    const lostNow = await this.#removeDead(request.language);
    if (lostNow) await stop.waitFor(events.emit({ type: 'kernel_restarted' }));
    return outcomeOf(
      {
        end,
        returnValue,
        stop: stop.cause,
        wasReady: kernel.wasReady,
        killedForMemory: memory.killed,
        outOfMemory: usage.outOfMemory,
        heapExhausted: stderrTail.includes(HEAP_EXHAUSTED),
      },
      { truncated, kernelRestarted: lostBefore || lostNow, usage: this.#usage(startedMs, usage) },
    );
  }

  /** The outcome of a step that was stopped before it had a kernel. */
  #unstarted({ stop, startedMs }: ActiveStep, kernelRestarted: boolean): StepOutcome {
    const usage = this.#usage(startedMs, NO_USAGE);
    return stoppedOutcome(stop.cause ?? 'cancelled', { truncated: false, kernelRestarted, usage });
  }

  #usage(startedMs: number, { cpuMs, peakMemoryBytes }: Usage): StepUsage {
    return { durationMs: this.#clock.nowMs() - startedMs, cpuMs, peakMemoryBytes };
  }

  /** `undefined` if the step was stopped before the kernel was ready. */
  async #kernelFor(language: Language, stop: StepStop): Promise<KernelProcess | undefined> {
    try {
      return this.#kernels.get(language) ?? (await this.#startReady(language, stop.signal));
    } catch (error) {
      if (stop.cause === undefined) throw error;
      return undefined;
    }
  }

  /** Starts a kernel and waits until it is ready. One that dies before that has run nothing, so another try is safe. */
  async #startReady(language: Language, signal: AbortSignal): Promise<KernelProcess> {
    for (let attempt = 1; ; attempt += 1) {
      const kernel = await this.#startKernel(language, signal);
      await settledOrAborted(kernel, signal);
      if (kernel.alive || signal.aborted || attempt === START_ATTEMPTS) return kernel;
      await this.#removeDead(language);
    }
  }

  async #startKernel(language: Language, signal: AbortSignal): Promise<KernelProcess> {
    const {
      layout = SANDBOX_LAYOUT,
      memoryLimitBytes,
      workspaceDirectory = WORKSPACE_DIRECTORY,
    } = this.#options;
    const { argv, env } = KERNELS[language].launch(layout, memoryLimitBytes);
    const process = await this.#options.spawner.spawnKernel(
      { argv, env: { ...this.#adopted, ...env }, cwd: workspaceDirectory },
      signal,
    );
    const kernel = new KernelProcess(process, this.#reads);
    if (this.#closed) {
      await discard(kernel);
      throw new Error('the engine was closed while a kernel was started');
    }
    this.#kernels.set(language, kernel);
    return kernel;
  }

  /** Removes a kernel that has died, and everything it left running; returns whether state was lost with it. */
  async #removeDead(language: Language): Promise<boolean> {
    const kernel = this.#kernels.get(language);
    if (kernel === undefined || kernel.alive) return false;
    this.#kernels.delete(language);
    this.#withoutAdopted.delete(kernel);
    await discard(kernel);
    return kernel.used;
  }
}

async function settledOrAborted(kernel: KernelProcess, signal: AbortSignal): Promise<void> {
  if (kernel.isSettled) return;
  const aborted = Promise.withResolvers<undefined>();
  const stop = (): void => {
    aborted.resolve(undefined);
  };
  signal.addEventListener('abort', stop, { once: true });
  if (signal.aborted) stop();
  await Promise.race([kernel.settled, aborted.promise]);
  signal.removeEventListener('abort', stop);
}

async function discard(kernel: KernelProcess): Promise<void> {
  try {
    await kernel.kill();
  } finally {
    kernel.close();
  }
}
