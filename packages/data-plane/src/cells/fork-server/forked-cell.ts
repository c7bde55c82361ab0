import { closeSync, constants, fstatSync, openSync } from 'node:fs';
import { Socket } from 'node:net';
import type { ByteSource, ProcessExit } from '@caisson/protocol/ports';
import { byteChannel } from '@caisson/session-agent';
import type { ByteChannel } from '@caisson/session-agent';
import { signalName } from '../../signal-name.ts';
import { DirectSocket } from './direct-socket.ts';
import type { Cell, CellSpec } from './fork-server.ts';
import type { CellHello, Gone, PipeEnd } from './frames.ts';

/** How a cell reaches the fork server that it was forked from. */
export interface CellLink {
  /** Path, on this host, of the runner's root. */
  readonly runnerRoot: string;
  /** Its output is read into this, see `readBuffer`. */
  readonly buffer: Uint8Array;
  /** Settles when nothing of the cell is left; rejects if the runner was lost. */
  readonly gone: Promise<Gone>;
  tell(type: 'kill' | 'interrupt'): void;
}

/** A cell that was forked from a fork server on this host. */
export class ForkedCell implements Cell {
  readonly spec: CellSpec;
  readonly meter: Cell['meter'];
  readonly control: ByteChannel;
  readonly stdout: ByteSource;
  readonly stderr: ByteSource;
  readonly exited: Promise<ProcessExit>;
  readonly #link: CellLink;
  #alive = true;
  #lost = false;

  /** @throws Error if the cell does not have the pipes open that it named */
  constructor(
    spec: CellSpec,
    meter: Cell['meter'],
    connection: { readonly socket: DirectSocket; readonly hello: CellHello; readonly link: CellLink },
  ) {
    const { socket, hello, link } = connection;
    this.spec = spec;
    this.meter = meter;
    this.#link = link;
    const process = `${link.runnerRoot}/proc/${hello.pid}`;
    using failed = new DisposableStack();
    const open = (end: PipeEnd): DirectSocket =>
      failed.adopt(openPipe(process, end, link.buffer), (pipe) => {
        pipe.close();
      });
    this.stdout = open(hello.stdout);
    this.stderr = open(hello.stderr);
    // The cell writes to a pipe, by which it can send nothing but bytes, and reads from the socket, which is open in one direction.
    this.control = byteChannel(open(hello.frames), socket);
    failed.move();
    this.exited = this.#untilGone();
  }

  get alive(): boolean {
    return this.#alive;
  }

  get lost(): boolean {
    return this.#lost;
  }

  async interrupt(): Promise<void> {
    this.#link.tell('interrupt');
    return Promise.resolve();
  }

  async kill(): Promise<void> {
    this.#link.tell('kill');
    await this.exited;
  }

  async #untilGone(): Promise<ProcessExit> {
    try {
      const { status } = await this.#link.gone;
      return exitOf(status);
    } catch {
      this.#lost = true;
      return { exitCode: null, signal: 'SIGKILL' };
    } finally {
      this.#alive = false;
    }
  }

  async end(): Promise<void> {
    // Closed first, or the end of each stream would wake the event loop. Not the control channel: at its end the kernel would
    // begin to exit, which costs more than the whole job.
    this.stdout.close();
    this.stderr.close();
    try {
      await this.kill();
    } finally {
      this.control.close();
    }
  }
}

/** Opens the pipe through the process that has it open, and that runs no tenant's code yet. */
function openPipe(process: string, { fd, inode }: PipeEnd, buffer: Uint8Array): DirectSocket {
  const opened = openSync(`${process}/fd/${fd}`, constants.O_RDONLY | constants.O_NONBLOCK);
  const { ino, mode } = fstatSync(opened);
  if (ino !== inode || (mode & constants.S_IFMT) !== constants.S_IFIFO) {
    closeSync(opened);
    throw new Error('a cell has something else open than it named');
  }
  return new DirectSocket(
    buffer,
    (onread) => new Socket({ fd: opened, readable: true, writable: false, onread }),
  );
}

/** A status of wait(2): the signal in the lowest seven bits, the exit code in the eight above that one and a flag. */
function exitOf(status: number): ProcessExit {
  const number = status & 0x7f;
  if (number === 0) return { exitCode: (status >> 8) & 0xff, signal: null };
  return { exitCode: null, signal: signalName(number) ?? 'SIGKILL' };
}
