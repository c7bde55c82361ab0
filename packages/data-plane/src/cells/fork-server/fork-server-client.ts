import { once } from 'node:events';
import { connect } from 'node:net';
import type { Socket } from 'node:net';
import { CgroupUsageMeter } from '@caisson/session-agent';
import { fileSizeBytes, SHM_BYTES, TMP_BYTES, tmpfsLimits } from '../../limits/memory-file-systems.ts';
import { DirectSocket, readBuffer } from './direct-socket.ts';
import type { Cell, CellSpec } from './fork-server.ts';
import { ForkedCell } from './forked-cell.ts';
import { parseGone, parseHello } from './frames.ts';
import type { Gone } from './frames.ts';
import { MAX_LINE_BYTES, readLines } from './lines.ts';
import type { Slot, Slots } from './slots.ts';

/** Generous: what is late costs the runner, with all the jobs in it. */
const FORK_TIMEOUT_MS = 30_000;
/** From the kill of a cell to its end: beyond, the runner is not to be trusted any more. */
const KILL_TIMEOUT_MS = 10_000;

/** Speaks with the fork server of one runner, see `server.py`. */
export class ForkServerClient {
  /** Settles, with the reason, when the server has ended or did what it should not. */
  readonly lost: Promise<Error>;
  readonly #root: string;
  readonly #slots: Slots;
  readonly #control: Socket;
  readonly #buffer = readBuffer();
  readonly #awaited = new Map<number, PromiseWithResolvers<Gone>>();
  #lose: (reason: Error) => void = () => undefined;
  #isLost = false;

  private constructor(root: string, slots: Slots, control: Socket) {
    this.#root = root;
    this.#slots = slots;
    this.#control = control;
    this.lost = new Promise((resolve) => {
      this.#lose = (reason) => {
        this.#isLost = true;
        resolve(reason);
      };
    });
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

  /** @param root path, on this host, of the root of the runner, whose server is ready */
  static async connect(root: string, slots: Slots, signal: AbortSignal): Promise<ForkServerClient> {
    const control = connect(`${root}/run/control.sock`);
    try {
      await once(control, 'connect', { signal });
    } catch (error) {
      control.destroy();
      throw error;
    }
    return new ForkServerClient(root, slots, control);
  }

  async fork(spec: CellSpec): Promise<Cell> {
    if (this.#isLost) throw await this.lost;
    const slot = this.#slots.take(spec.resources);
    if (slot === undefined) throw new Error('the runner has no free slot');
    try {
      return await this.#forkInto(slot, spec);
    } catch (error) {
      // Where the half-made cell has got to is not known, so nothing of the runner is kept.
      this.#lose(new Error('a cell could not be made', { cause: error }));
      throw error;
    }
  }

  /** The server ends, and with it all its cells. */
  close(): void {
    this.#lose(new Error('the runner was ended'));
    this.#control.destroy();
  }

  /** Tells all who still wait for the end of a cell that nothing is left of the whole runner. */
  tellGone(): void {
    const reason = new Error('the runner is gone');
    for (const { reject } of this.#awaited.values()) reject(reason);
    this.#awaited.clear();
  }

  async #forkInto(slot: Slot, spec: CellSpec): Promise<Cell> {
    using failed = new DisposableStack();
    const path = `${this.#root}/run/cells.sock`;
    const socket = new DirectSocket(this.#buffer, (onread) => connect({ path, onread, allowHalfOpen: true }));
    failed.defer(() => {
      socket.close();
    });
    socket.write(`${JSON.stringify(paramsOf(slot, spec))}\n`);
    const hello = parseHello(await socket.firstLine(MAX_LINE_BYTES, FORK_TIMEOUT_MS));
    // From here on only the cell's pipes are read.
    socket.pause();
    const meter = new CgroupUsageMeter(slot.counters, spec.resources.memoryBytes);
    const gone = this.#await(hello.cell).then((end) => {
      this.#giveBack(slot);
      return end;
    });
    // Where the cell turns out not to be what it says, nobody waits for its end.
    gone.catch(() => undefined);
    const cell = new ForkedCell(spec, meter, {
      socket,
      hello,
      link: {
        runnerRoot: this.#root,
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
      this.#slots.giveBack(slot);
    } catch (error) {
      this.#lose(error as Error);
    }
  }
}

/** The line that a cell builds its walls by. */
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
