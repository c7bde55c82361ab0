import { once } from 'node:events';
import { connect } from 'node:net';
import type { Socket } from 'node:net';
import { CgroupUsageMeter } from '@caisson/session-agent';
import { fileSizeBytes, SHM_BYTES, TMP_BYTES, tmpfsLimits } from '../../limits/memory-file-systems.ts';
import { DirectSocket, readBuffer } from './direct-socket.ts';
import type { Cell, CellSpec, ForkServer } from './fork-server.ts';
import { ForkedCell } from './forked-cell.ts';
import { parseGone, parseHello } from './frames.ts';
import type { Gone } from './frames.ts';
import { MAX_LINE_BYTES, readLines } from './lines.ts';
import type { Slot, Slots } from './slots.ts';

/** Generous: a timeout kills the runner and every job in it. */
const FORK_TIMEOUT_MS = 30_000;
/** From the kill of a cell to its end: after that, the runner is no longer trusted. */
const KILL_TIMEOUT_MS = 10_000;

/** A runner on this host that has started: its fork server listens. Disposing ends it and leaves nothing. */
export interface StartedRunner extends AsyncDisposable {
  /** Path, on this host, of its root. */
  readonly root: string;
  readonly slots: Slots;
  /** The error with what the server printed last. */
  explain(reason: Error): Error;
}

/** Talks to the fork server of one runner, see `server.py`. */
export class ForkServerClient implements ForkServer {
  readonly lost: Promise<Error>;
  readonly #runner: StartedRunner;
  readonly #control: Socket;
  readonly #buffer = readBuffer();
  readonly #awaited = new Map<number, PromiseWithResolvers<Gone>>();
  #lose: (reason: Error) => void = () => undefined;
  #isLost = false;
  #disposed: Promise<void> | undefined;

  private constructor(runner: StartedRunner, control: Socket) {
    this.#runner = runner;
    this.#control = control;
    this.lost = new Promise<Error>((resolve) => {
      this.#lose = (reason) => {
        this.#isLost = true;
        resolve(reason);
      };
    }).then((reason) => runner.explain(reason));
    readLines(
      control,
      (line) => {
        this.#takeLine(line);
      },
      () => {
        this.#lose(new Error('the fork server has ended'));
      },
    );
  }

  /** Connects to the server of `runner`, which is the client's from then on. If it fails, the runner is the caller's. */
  static async connect(runner: StartedRunner, signal: AbortSignal): Promise<ForkServerClient> {
    const control = connect(`${runner.root}/run/control.sock`);
    try {
      await once(control, 'connect', { signal });
    } catch (error) {
      control.destroy();
      throw error;
    }
    return new ForkServerClient(runner, control);
  }

  get freeSlots(): number {
    return this.#runner.slots.free;
  }

  async fork(spec: CellSpec): Promise<Cell> {
    if (this.#isLost) throw await this.lost;
    const slot = this.#runner.slots.take(spec.resources);
    if (slot === undefined) throw new Error('the runner has no free slot');
    try {
      return await this.#forkInto(slot, spec);
    } catch (error) {
      // The state of the half-made cell is unknown, so the whole runner goes.
      this.#lose(new Error('a cell could not be made', { cause: error }));
      throw error;
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await (this.#disposed ??= this.#dispose());
  }

  async #dispose(): Promise<void> {
    this.#lose(new Error('the runner was ended'));
    // The server ends with its connection, and its cells with the server.
    this.#control.destroy();
    try {
      await this.#runner[Symbol.asyncDispose]();
    } finally {
      const reason = new Error('the runner is gone');
      for (const { reject } of this.#awaited.values()) reject(reason);
      this.#awaited.clear();
    }
  }

  async #forkInto(slot: Slot, spec: CellSpec): Promise<Cell> {
    using failed = new DisposableStack();
    const path = `${this.#runner.root}/run/cells.sock`;
    const socket = new DirectSocket(this.#buffer, (onread) => connect({ path, onread, allowHalfOpen: true }));
    failed.defer(() => {
      socket.close();
    });
    socket.write(`${JSON.stringify(paramsOf(slot, spec))}\n`);
    const hello = parseHello(await socket.firstLine(MAX_LINE_BYTES, FORK_TIMEOUT_MS));
    // From now on only the cell's pipes are read.
    socket.pause();
    const meter = new CgroupUsageMeter(slot.counters, spec.resources.memoryBytes);
    const gone = this.#await(hello.cell).then((end) => {
      this.#giveBack(slot);
      return end;
    });
    // If the cell turns out not to be what it claims, nobody waits for its end.
    gone.catch(() => undefined);
    const cell = new ForkedCell(spec, meter, {
      socket,
      hello,
      link: {
        runnerRoot: this.#runner.root,
        buffer: this.#buffer,
        gone,
        tell: (type) => {
          this.#tell(type, hello.cell);
        },
      },
    });
    socket.write('{"type":"opened"}\n');
    failed.move();
    return cell;
  }

  #tell(type: 'kill' | 'interrupt', cell: number): void {
    const awaited = this.#awaited.get(cell);
    if (awaited === undefined) return;
    this.#control.write(`${JSON.stringify({ type, cell })}\n`);
    if (type === 'kill') this.#expectEnd(awaited.promise);
  }

  #expectEnd(gone: Promise<unknown>): void {
    const timer = setTimeout(() => {
      this.#lose(new Error(`a cell was not gone ${KILL_TIMEOUT_MS} ms after it was killed`));
    }, KILL_TIMEOUT_MS).unref();
    const stop = () => {
      clearTimeout(timer);
    };
    gone.then(stop, stop);
  }

  #await(cell: number): Promise<Gone> {
    const awaited = Promise.withResolvers<Gone>();
    this.#awaited.set(cell, awaited);
    return awaited.promise;
  }

  #takeLine(line: string): void {
    try {
      const gone = parseGone(line);
      const awaited = this.#awaited.get(gone.cell);
      if (awaited === undefined) throw new Error('a cell ended that was never made');
      this.#awaited.delete(gone.cell);
      awaited.resolve(gone);
    } catch (error) {
      this.#lose(new Error('the fork server broke the protocol', { cause: error }));
    }
  }

  #giveBack(slot: Slot): void {
    try {
      this.#runner.slots.giveBack(slot);
    } catch (error) {
      this.#lose(error as Error);
    }
  }
}

/** The line by which a cell builds its walls. */
function paramsOf(slot: Slot, { resources, env }: CellSpec): object {
  return {
    slot: slot.index,
    workspace: tmpfsLimits(resources.diskBytes).join(','),
    tmp: tmpfsLimits(TMP_BYTES).join(','),
    shm: tmpfsLimits(SHM_BYTES).join(','),
    file_size_bytes: fileSizeBytes(resources),
    env,
  };
}
