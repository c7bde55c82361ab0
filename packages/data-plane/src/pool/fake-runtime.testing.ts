import { newExecutionId, newSandboxId, newTenantId } from '@caisson/protocol/api';
import { jsonTextOf, NOT_RUN } from '@caisson/protocol/ports';
import type { Isolation, SandboxId } from '@caisson/protocol/api';
import type { Resources, SandboxRequest, StepOutcome, StepRequest, Template } from '@caisson/protocol/ports';
import { pino } from 'pino';
import { NOTHING } from '../node/capacity/amounts.ts';
import type { Amounts } from '../node/capacity/amounts.ts';
import type { HostNode } from '../node/host-node.ts';
import { Reservations } from '../node/capacity/reservations.ts';
import type { Reservation } from '../node/capacity/reservations.ts';
import type { CpuWeight, Runtime, Sandbox, SandboxEnd, SandboxSpec } from '../runtimes/runtime.ts';
import type { RootDigest } from '../templates/root-digest.ts';
import type { HostLoad } from './demand/host-load.ts';
import { DEFAULT_WARM_POOL } from './pool-options.ts';
import type { WarmPoolOptions } from './pool-options.ts';
import { WarmPool } from './warm-pool.ts';

const MIB = 2 ** 20;
export const RESOURCES = { cpuMillicores: 1000, memoryBytes: 512 * MIB, diskBytes: 256 * MIB, pids: 128 };
export const TEMPLATES: readonly Template[] = [
  { id: 'python', description: '', languages: ['python', 'shell'], resources: RESOURCES },
  { id: 'node', description: '', languages: ['javascript'], resources: RESOURCES },
];
const SUCCEEDED: StepOutcome = {
  ...NOT_RUN,
  status: 'succeeded',
  reason: null,
  exitCode: 0,
  returnValue: null,
};
export const START_MS = Date.UTC(2026, 0, 5, 9);

/** A sandbox without a process, which notes what is done to it. */
export class FakeSandbox implements Sandbox {
  readonly id: SandboxId;
  readonly spec: SandboxSpec;
  readonly weights: CpuWeight[] = [];
  readonly steps: StepRequest[] = [];
  env: Readonly<Record<string, string>> = {};
  warmed: string | undefined;
  alive = true;
  readonly agent: Sandbox['agent'];
  readonly ended: Promise<SandboxEnd>;
  readonly memory = { heldBytes: () => 12 * MIB, runOutOfMemory: () => undefined };
  readonly pause: Sandbox['pause'] = undefined;
  readonly resume: Sandbox['resume'] = undefined;
  readonly #end: (end: SandboxEnd) => void;

  constructor(spec: SandboxSpec) {
    const { promise, resolve } = Promise.withResolvers<SandboxEnd>();
    this.ended = promise;
    this.#end = resolve;
    this.id = spec.id;
    this.spec = spec;
    this.agent = {
      files: {} as Sandbox['agent']['files'],
      processes: {} as Sandbox['agent']['processes'],
      steps: {
        prewarm: async (language) => {
          this.warmed = language;
          return Promise.resolve();
        },
        adoptEnvironment: async (env) => {
          this.env = env;
          return Promise.resolve();
        },
        run: async (step) => {
          this.steps.push(step);
          return Promise.resolve(SUCCEEDED);
        },
      },
    };
  }

  readonly setCpuWeight = async (weight: CpuWeight): Promise<void> => {
    this.weights.push(weight);
    return Promise.resolve();
  };

  async usage(): Promise<{ memoryBytes: number }> {
    return Promise.resolve({ memoryBytes: 12 * MIB });
  }

  /** It ends by itself. */
  die(): void {
    this.alive = false;
    this.#end({ reason: 'died', detail: 'a test ended it' });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.alive = false;
    this.#end({ reason: 'disposed' });
    return Promise.resolve();
  }
}

/** A runtime without containers. While `held`, creations wait until they are let go one by one. */
export class FakeRuntime implements Runtime {
  readonly name = 'crun';
  readonly isolation: Isolation = 'container';
  readonly made: FakeSandbox[] = [];
  held = false;
  /** So many of the next creations fail. */
  failures = 0;
  attempts = 0;
  mostAtOnce = 0;
  readonly #waiting: (() => void)[] = [];
  #atOnce = 0;

  get alive(): FakeSandbox[] {
    return this.made.filter(({ alive }) => alive);
  }

  get waiting(): number {
    return this.#waiting.length;
  }

  letGo(): void {
    this.#waiting.shift()?.();
  }

  async create(spec: SandboxSpec, signal: AbortSignal): Promise<FakeSandbox> {
    this.attempts += 1;
    this.#atOnce += 1;
    this.mostAtOnce = Math.max(this.mostAtOnce, this.#atOnce);
    try {
      if (this.held) await this.#hold(signal);
      signal.throwIfAborted();
      if (this.failures > 0) {
        this.failures -= 1;
        throw new Error('no container could be made');
      }
      const sandbox = new FakeSandbox(spec);
      this.made.push(sandbox);
      return sandbox;
    } finally {
      this.#atOnce -= 1;
    }
  }

  async #hold(signal: AbortSignal): Promise<void> {
    await new Promise<void>((resolve, reject) => {
      this.#waiting.push(resolve);
      signal.addEventListener('abort', () => {
        reject(signal.reason as Error);
      });
    });
  }
}

const WAIT_MS = 1_000;
const PLENTY: Amounts = {
  memoryBytes: 2 ** 50,
  diskBytes: 2 ** 50,
  cpuMillicores: 2 ** 50,
  pids: 2 ** 50,
  descriptors: 2 ** 50,
};

const IDLE: HostLoad = {
  availableBytes: 16 * 2 ** 30,
  totalBytes: 16 * 2 ** 30,
  memoryStallPercent: 0,
  cpuTicks: 1000,
  idleTicks: 1000,
};

/** A machine on which so many sandboxes fit, whatever their size. */
class FakeNode implements Pick<HostNode, 'reserve' | 'tryReserve' | 'promiseOf' | 'isOnDisk'> {
  readonly reservations: Reservations;

  constructor(places: number) {
    const pids = places;
    this.reservations = new Reservations({ ...PLENTY, pids }, () => undefined);
  }

  isOnDisk({ diskBytes }: Resources): boolean {
    return diskBytes > RESOURCES.diskBytes;
  }

  promiseOf(): Amounts {
    return { ...NOTHING, pids: 1 };
  }

  async reserve(_request: unknown, _kind: unknown, signal: AbortSignal): Promise<Reservation> {
    return this.reservations.reserve(this.promiseOf(), WAIT_MS, signal);
  }

  tryReserve(): Reservation | undefined {
    return this.reservations.tryReserve(this.promiseOf());
  }
}

/** A pool over a runtime in memory, with a clock and a host that stand still until they are told otherwise. */
export class TestPool implements AsyncDisposable {
  readonly runtime = new FakeRuntime();
  readonly pool: WarmPool;
  readonly node: FakeNode;
  /** Lines of JSON. */
  readonly log: string[] = [];
  nowMs = START_MS;
  load = IDLE;

  /** @param places how many sandboxes the machine has room for */
  constructor(options: Partial<WarmPoolOptions> = {}, places = 1000) {
    this.node = new FakeNode(places);
    this.pool = new WarmPool({
      runtime: this.runtime,
      node: this.node,
      roots: { digestOf: (templateId) => `sha256:${templateId}` as RootDigest },
      templates: TEMPLATES,
      options: { ...DEFAULT_WARM_POOL, warm: { python: 2 }, ...options },
      readLoad: () => this.load,
      clock: { nowMs: () => this.nowMs },
      newId: newSandboxId,
      logger: pino({ level: 'info' }, { write: (line: string) => this.log.push(line) }),
    });
    this.node.reservations.onShortage((missing) => this.pool.giveWay(missing));
  }

  async take(
    overrides: Partial<SandboxRequest> = {},
    signal = new AbortController().signal,
  ): Promise<Sandbox> {
    return this.pool.take(request(overrides), 'python', signal);
  }

  /** Numbers of the default class of the template `python`. */
  get numbers() {
    const numbers = this.pool.health().find(({ templateId }) => templateId === 'python');
    if (numbers === undefined) throw new Error('there is no such class');
    return numbers;
  }

  /** Lets the time pass and has the pool look around. */
  async pass(ms: number): Promise<void> {
    this.nowMs += ms;
    this.pool.tick();
    await settled();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.pool[Symbol.asyncDispose]();
  }
}

/** Resolves when all that can go on without time passing has gone on. */
export async function settled(): Promise<void> {
  for (let turn = 0; turn < 20; turn++) await new Promise((resolve) => setImmediate(resolve));
}

function request(overrides: Partial<SandboxRequest>): SandboxRequest {
  return {
    id: newSandboxId(),
    tenantId: newTenantId(),
    templateId: 'python',
    isolation: 'container',
    resources: RESOURCES,
    env: {},
    isolationScope: 'auto',
    quota: { kind: 'session', limit: 100 },
    ...overrides,
  };
}

export function step(): StepRequest {
  return {
    executionId: newExecutionId(),
    sessionId: null,
    language: 'python',
    code: '1',
    timeoutMs: 1000,
    env: {},
    stdin: null,
    event: jsonTextOf(null),
    outputLimitBytes: 100,
  };
}
