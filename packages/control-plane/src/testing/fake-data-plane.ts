import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { PassThrough } from 'node:stream';
import type { Readable } from 'node:stream';
import { buffer } from 'node:stream/consumers';
import { CaissonError } from '@caisson/protocol/api';
import { cancelReason, NOT_RUN, stoppedOutcome } from '@caisson/protocol/ports';
import type { NodeId, SandboxId, WorkspacePath } from '@caisson/protocol/api';
import type {
  Agent,
  DataPlaneHealth,
  EventSink,
  FileEntry,
  Files,
  NodeCapacity,
  Placement,
  PoolHealth,
  ReadHealth,
  Resources,
  SandboxRequest,
  StepOutcome,
  StepRequest,
  SucceededStep,
  Template,
  WrittenFile,
} from '@caisson/protocol/ports';
import { SUCCEEDED } from './outcomes.ts';

/** Outcome of a scripted step: a whole outcome, or parts of a successful one. */
export type ScriptEnd = StepOutcome | Partial<Omit<SucceededStep, 'status' | 'reason'>>;
import { LocalDataPlane } from '@caisson/data-plane';
import type { LentSandbox, SandboxPlane } from '@caisson/data-plane';
import { pino } from 'pino';

/** What a step does; the default succeeds at once. */
export type Script = (step: StepRequest, events: EventSink, signal: AbortSignal) => Promise<ScriptEnd>;

const RESOURCES = { cpuMillicores: 1000, memoryBytes: 512 * 2 ** 20, diskBytes: 2 ** 30, pids: 128 };
const NOTHING = { total: 0, promisable: 0, promised: 0, used: null };
const NO_CAPACITY: NodeCapacity = {
  memoryBytes: NOTHING,
  diskBytes: NOTHING,
  cpuMillicores: NOTHING,
  pids: NOTHING,
  descriptors: NOTHING,
  maximum: RESOURCES,
};
const PLACEMENT: Placement = { runtime: 'crun', isolation: 'container', scope: 'sandbox' };

const TEMPLATES: readonly Template[] = [
  { id: 'python', description: 'Python', languages: ['python', 'shell'], resources: RESOURCES },
  { id: 'node', description: 'Node', languages: ['javascript', 'shell'], resources: RESOURCES },
];

/** Sandboxes in memory: real life cycles and files, scripted steps. */
export class FakeSandboxPlane implements SandboxPlane {
  readonly templates = TEMPLATES;
  maximum: Resources = { cpuMillicores: 64_000, memoryBytes: 2 ** 38, diskBytes: 2 ** 36, pids: 4096 };
  capacity: NodeCapacity = NO_CAPACITY;
  readonly sandboxes = new Map<SandboxId, FakeSandbox>();
  readonly requests: SandboxRequest[] = [];
  readonly pools: PoolHealth[] = [];
  reads: ReadHealth = { droppedBytes: 0, delayedMs: 0, broken: 0 };
  readonly problems: string[] = [];
  readonly steps: StepRequest[] = [];
  /** Scripts by the code that runs them. */
  readonly #scripts = new Map<string, Script>();
  readonly #lostListeners = new Set<(id: SandboxId) => void>();
  /** Awaited before a sandbox is created. */
  beforeCreate: (signal: AbortSignal) => Promise<void> = () => Promise.resolve();

  /** Runs `script` for steps whose code is `code`. */
  on(code: string, script: Script): void {
    this.#scripts.set(code, script);
  }

  health(): Promise<DataPlaneHealth> {
    const { maximum, pools, problems, reads } = this;
    const capacity = { ...this.capacity, maximum };
    return Promise.resolve({
      runtimes: [],
      sandboxes: this.sandboxes.size,
      pools,
      problems,
      reads,
      capacity,
    });
  }

  async createSandbox(request: SandboxRequest, signal: AbortSignal): Promise<LentSandbox> {
    this.requests.push(request);
    await this.beforeCreate(signal);
    const sandbox = new FakeSandbox(request.id, this);
    this.sandboxes.set(request.id, sandbox);
    return sandbox;
  }

  async runJob(request: SandboxRequest, step: StepRequest, events: EventSink, signal: AbortSignal) {
    this.requests.push(request);
    return { outcome: await this.step(step, events, signal), placement: PLACEMENT };
  }

  onSandboxLost(listener: (id: SandboxId) => void): () => void {
    this.#lostListeners.add(listener);
    return () => this.#lostListeners.delete(listener);
  }

  /** Loses the sandbox, as after a crash of its container. */
  lose(id: SandboxId): void {
    this.sandboxes.delete(id);
    for (const listener of this.#lostListeners) listener(id);
  }

  async step(step: StepRequest, events: EventSink, signal: AbortSignal): Promise<StepOutcome> {
    this.steps.push(step);
    const end = (await this.#scripts.get(step.code)?.(step, events, signal)) ?? {};
    return 'status' in end ? end : { ...SUCCEEDED, ...end };
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const sandbox of this.sandboxes.values()) await sandbox.destroy();
  }
}

/** The real node of this process, with sandboxes in memory. */
export class FakeDataPlane extends LocalDataPlane<FakeSandboxPlane> {
  constructor({ id = 'fake', graceMs = 60_000, nowMs = () => performance.now() } = {}) {
    const directory = join(tmpdir(), 'caisson-fake-outputs');
    const logger = pino({ level: 'silent' });
    super({
      plane: new FakeSandboxPlane(),
      id: id as NodeId,
      graceMs,
      nowMs,
      spillDirectory: directory,
      logger,
    });
  }

  /** Runs `script` for steps whose code is `code`. */
  on(code: string, script: Script): void {
    this.plane.on(code, script);
  }

  get steps(): readonly StepRequest[] {
    return this.plane.steps;
  }

  get requests(): readonly SandboxRequest[] {
    return this.plane.requests;
  }
}

/** A script that runs until it is aborted. */
export const untilAborted: Script = (_step, _events, signal) =>
  new Promise((resolve) => {
    const end = () => {
      resolve(stoppedOutcome(cancelReason(signal), NOT_RUN));
    };
    if (signal.aborted) end();
    else signal.addEventListener('abort', end, { once: true });
  });

class FakeSandbox implements LentSandbox {
  readonly id: SandboxId;
  readonly placement = PLACEMENT;
  readonly agent: Agent;
  readonly files = new FakeFiles();
  paused = false;
  readonly #plane: FakeSandboxPlane;

  constructor(id: SandboxId, plane: FakeSandboxPlane) {
    this.id = id;
    this.#plane = plane;
    this.agent = {
      files: this.files,
      steps: {
        run: (step, events, signal) => {
          if (!plane.sandboxes.has(id)) throw new CaissonError('sandbox_lost', { id });
          return plane.step(step, events, signal);
        },
        prewarm: () => Promise.resolve(),
        adoptEnvironment: () => Promise.resolve(),
      },
      processes: { start: () => Promise.reject(new Error('the fake starts no processes')) },
    };
  }

  pause(): Promise<void> {
    this.paused = true;
    return Promise.resolve();
  }

  resume(): Promise<void> {
    this.paused = false;
    return Promise.resolve();
  }

  destroy(): Promise<void> {
    this.#plane.sandboxes.delete(this.id);
    return Promise.resolve();
  }
}

class FakeFiles implements Files {
  readonly contents = new Map<string, Buffer>();
  /** Bytes that a file gains after its size was read, as if the code appended to it. */
  growth = Buffer.alloc(0);
  /** Awaited before a listing or a deletion, to simulate a very large directory. */
  before: (signal: AbortSignal) => Promise<void> = () => Promise.resolve();

  stat(path: WorkspacePath): Promise<FileEntry> {
    return Promise.resolve().then(() => this.#entry(path));
  }

  async list(
    path: WorkspacePath,
    page: { after: string; limit: number },
    signal: AbortSignal,
  ): Promise<FileEntry[]> {
    await this.before(signal);
    const prefix = path === '' ? '' : `${path}/`;
    const entries = [...this.contents.keys()]
      .filter((name) => name.startsWith(prefix) && !name.slice(prefix.length).includes('/'))
      .filter((name) => name.slice(prefix.length) > page.after)
      .sort()
      .slice(0, page.limit)
      .map((name) => this.#entry(name));
    return entries;
  }

  read(path: WorkspacePath): Promise<{ entry: FileEntry; body: Readable }> {
    return Promise.resolve().then(() => {
      const entry = this.#entry(path);
      const body = new PassThrough();
      body.end(Buffer.concat([this.contents.get(path) ?? Buffer.alloc(0), this.growth]));
      return { entry, body };
    });
  }

  async write(path: WorkspacePath, body: Readable): Promise<WrittenFile> {
    const content = await buffer(body);
    const replaced = this.contents.has(path);
    this.contents.set(path, content);
    return { entry: this.#entry(path), replaced };
  }

  async delete(path: WorkspacePath, signal: AbortSignal): Promise<void> {
    await this.before(signal);
    this.#entry(path);
    this.contents.delete(path);
  }

  #entry(path: string): FileEntry {
    const content = this.contents.get(path);
    if (content === undefined) throw new CaissonError('file_not_found', { path });
    return {
      path: path as WorkspacePath,
      name: path.slice(path.lastIndexOf('/') + 1),
      type: 'file',
      sizeBytes: content.length,
      mode: 0o644,
      modifiedAt: new Date(0),
    };
  }
}
