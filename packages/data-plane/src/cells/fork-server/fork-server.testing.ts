import type { ProcessExit } from '@caisson/protocol/ports';
import type { ByteChannel } from '@caisson/session-agent';
import type { Cell, CellSpec, ForkServer, ForkServers, Preload, RunnerSpec } from './fork-server.ts';

const nothing = () => undefined;
const silent: ByteChannel = {
  read: nothing,
  write: nothing,
  pause: nothing,
  resume: nothing,
  close: nothing,
};

/** A cell without a process. */
export class FakeCell implements Cell {
  readonly spec: CellSpec;
  readonly control = silent;
  readonly stdout = silent;
  readonly stderr = silent;
  readonly meter = {
    begin: () => ({ end: () => this.#usage }),
    heldBytes: () => 0,
    runOutOfMemory: nothing,
  };
  readonly exited: Promise<ProcessExit>;
  alive = true;
  lost = false;
  ended = false;
  readonly #usage = { cpuMs: 0, peakMemoryBytes: null, outOfMemory: false, outOfProcesses: false };
  readonly #end: (exit: ProcessExit) => void;

  constructor(spec: CellSpec) {
    this.spec = spec;
    const { promise, resolve } = Promise.withResolvers<ProcessExit>();
    this.exited = promise;
    this.#end = resolve;
  }

  async interrupt(): Promise<void> {
    return Promise.resolve();
  }

  async kill(): Promise<void> {
    this.alive = false;
    this.#end({ exitCode: null, signal: 'SIGKILL' });
    return Promise.resolve();
  }

  async end(): Promise<void> {
    this.ended = true;
    await this.kill();
  }
}

/** A fork server that makes fake cells at once. */
export class FakeForkServer implements ForkServer {
  readonly lost: Promise<Error>;
  readonly lose: (reason: Error) => void;
  readonly cells: FakeCell[] = [];
  disposed = false;
  readonly #slots: number;

  constructor(slots = 32) {
    this.#slots = slots;
    const { promise, resolve } = Promise.withResolvers<Error>();
    this.lost = promise;
    this.lose = resolve;
  }

  get living(): FakeCell[] {
    return this.cells.filter(({ alive }) => alive);
  }

  get freeSlots(): number {
    return this.#slots - this.living.length;
  }

  async fork(spec: CellSpec): Promise<Cell> {
    const cell = new FakeCell(spec);
    this.cells.push(cell);
    return Promise.resolve(cell);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.disposed = true;
    await Promise.all(this.cells.map(async (cell) => cell.kill()));
    this.lose(new Error('it was disposed'));
  }
}

/** Starts fake fork servers at once; code that imports pandas has a preload of its own. */
export class FakeForkServers implements ForkServers {
  readonly languages = ['python'] as const;
  readonly limits = { memoryBytes: 1, pids: 1 };
  /** What each was started for, in the order of `started`. */
  readonly specs: RunnerSpec[] = [];
  readonly started: FakeForkServer[] = [];
  failure: Error | undefined;
  readonly #slots: number;

  constructor(slots = 32) {
    this.#slots = slots;
  }

  choosePreload(code: string): Preload {
    return { name: code.includes('pandas') ? 'data' : 'core', modules: [] };
  }

  async start(spec: RunnerSpec): Promise<ForkServer> {
    if (this.failure !== undefined) throw this.failure;
    this.specs.push(spec);
    const server = new FakeForkServer(this.#slots);
    this.started.push(server);
    return Promise.resolve(server);
  }
}
