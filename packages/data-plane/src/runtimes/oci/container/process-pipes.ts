import { closeSync, constants, fchownSync, mkdirSync, openSync, unlinkSync } from 'node:fs';
import { Socket } from 'node:net';
import { join } from 'node:path';
import type { InheritedFd, MountNamespace } from '../mount-namespace/mount-namespace.ts';

const BATCH = 32;
const REFILL_BELOW = 12;
/** Without waiting for a writer. */
const READING = constants.O_RDONLY | constants.O_NONBLOCK;

/** A pipe that a process writes and this server reads. */
export interface OutputPipe {
  readonly reader: Socket;
  /** The writing end: given to the process, then closed here by `closeWriter`. */
  readonly writer: InheritedFd;
  readonly closeWriter: () => void;
}

/** A pipe that this server writes and a process reads. When the server closes it or dies, the process reads its end. */
export interface InputPipe {
  /** Never blocks: what the process does not read yet waits in memory. An error means that nobody can read it any more. */
  readonly writer: Socket;
  /** The reading end: given to the process, then closed here by `closeReader`. */
  readonly reader: InheritedFd;
  readonly closeReader: () => void;
}

/**
 * Real pipes for the streams of processes. The pairs that Node makes for `stdio: 'pipe'` are sockets: a program that opens
 * `/dev/stdout` by name fails on a socket, and code could send descriptors over one, whose closing would be this server's to
 * wait for. Node cannot make a pipe, but it can open a FIFO, so these are made ahead by the helper in the mount namespace,
 * many in one go, and each is unlinked when it is taken: from then on it is an anonymous pipe.
 */
export class ProcessPipes {
  readonly #directory: string;
  readonly #maker: Pick<MountNamespace, 'makeFifos' | 'resolve'>;
  readonly #ready: string[] = [];
  #made = 0;
  #refill: Promise<void> | undefined;

  /** @param directory a path of the namespace that does not exist yet */
  constructor(directory: string, maker: Pick<MountNamespace, 'makeFifos' | 'resolve'>) {
    mkdirSync(maker.resolve(directory), { mode: 0o700 });
    this.#directory = directory;
    this.#maker = maker;
  }

  /**
   * A pipe for what a process writes. The host user `owner` may open it again by name, as programs do with `/dev/stdout`;
   * without an owner only root can, and whoever has one end never gets at the other.
   */
  async takeOutput(owner?: { uid: number; gid: number }): Promise<OutputPipe> {
    return openOutput(await this.#takePath(), owner);
  }

  /** A pipe for what a process reads, which `owner` may open again by name; without an owner only root can. */
  async takeInput(owner?: { uid: number; gid: number }): Promise<InputPipe> {
    return openInput(await this.#takePath(), owner);
  }

  /**
   * Descriptor of an empty pipe with no other end: standard input for a process that has none. Not `/dev/null`: crun
   * gives the files of standard streams to the sandbox's user, and that one is the host's own. The caller closes it.
   */
  async takeEmpty(): Promise<number> {
    const path = await this.#takePath();
    try {
      return openSync(path, READING);
    } finally {
      unlinkSync(path);
    }
  }

  async #takePath(): Promise<string> {
    while (this.#ready.length === 0) await this.#startRefill();
    const path = this.#ready.pop();
    if (path === undefined) throw new Error('no pipe is ready');
    // If this refill ahead of need fails, the next one that is needed throws.
    if (this.#ready.length < REFILL_BELOW) this.#startRefill().catch(() => undefined);
    return path;
  }

  async #startRefill(): Promise<void> {
    this.#refill ??= this.#makeBatch().finally(() => (this.#refill = undefined));
    return this.#refill;
  }

  async #makeBatch(): Promise<void> {
    const paths = Array.from({ length: BATCH }, () => join(this.#directory, String(this.#made++)));
    await this.#maker.makeFifos(paths);
    this.#ready.push(...paths.map((path) => this.#maker.resolve(path)));
  }
}

/** How a program gets the empty pipe `fd`. */
export function readingEnd(fd: number): InheritedFd {
  return { fd, flags: READING };
}

function openOutput(path: string, owner: { uid: number; gid: number } | undefined): OutputPipe {
  const { readerFd, writerFd } = openBothEnds(path, constants.O_WRONLY);
  if (owner !== undefined) fchownSync(writerFd, owner.uid, owner.gid);
  return {
    reader: new Socket({ fd: readerFd, readable: true, writable: false }),
    writer: { fd: writerFd, flags: constants.O_WRONLY },
    closeWriter: () => {
      closeSync(writerFd);
    },
  };
}

function openInput(path: string, owner: { uid: number; gid: number } | undefined): InputPipe {
  const { readerFd, writerFd } = openBothEnds(path, constants.O_WRONLY | constants.O_NONBLOCK);
  if (owner !== undefined) fchownSync(readerFd, owner.uid, owner.gid);
  return {
    writer: new Socket({ fd: writerFd, readable: false, writable: true }),
    // Opened anew by the process, which waits when it reads; its flags are not those of the descriptor here.
    reader: { fd: readerFd, flags: constants.O_RDONLY },
    closeReader: () => {
      closeSync(readerFd);
    },
  };
}

/** Opens the FIFO `path` at both ends and unlinks it. */
function openBothEnds(path: string, writing: number): { readerFd: number; writerFd: number } {
  // The reading end first; then the writing end finds its reader.
  const readerFd = openSync(path, READING);
  try {
    const writerFd = openSync(path, writing);
    unlinkSync(path);
    return { readerFd, writerFd };
  } catch (error) {
    closeSync(readerFd);
    throw error;
  }
}
