import { closeSync, constants, fchownSync, mkdirSync, openSync, unlinkSync } from 'node:fs';
import { Socket } from 'node:net';
import { join } from 'node:path';
import type { Handed, MountNamespace } from './mount-namespace.ts';

const BATCH = 32;
const REFILL_BELOW = 12;
/** Without waiting for a writer. */
const READING = constants.O_RDONLY | constants.O_NONBLOCK;

export interface OutputPipe {
  readonly reader: Socket;
  /** The writing end: given to the process, then closed here by `closeWriter`. */
  readonly writer: Handed;
  readonly closeWriter: () => void;
}

/**
 * Real pipes for the output of processes. The pairs that Node makes for `stdio: 'pipe'` are sockets, and a program that
 * opens `/dev/stdout` by name fails on a socket. Node cannot make a pipe, but it can open a FIFO, so these are made ahead by
 * the holder of the mount namespace, many in one go, and each is unlinked when it is taken: from then on it is an anonymous
 * pipe.
 */
export class OutputPipes {
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

  /** A pipe that the host user `owner` may open again by name. */
  async take(owner: { uid: number; gid: number }): Promise<OutputPipe> {
    return openPipe(await this.#takePath(), owner);
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
    // A failed refill ahead of need is not lost: the next one that is needed throws.
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
export function readingEnd(fd: number): Handed {
  return { fd, flags: READING };
}

function openPipe(path: string, owner: { uid: number; gid: number }): OutputPipe {
  // The reading end first; then the writing end finds its reader.
  const readerFd = openSync(path, READING);
  try {
    const writerFd = openSync(path, constants.O_WRONLY);
    fchownSync(writerFd, owner.uid, owner.gid);
    unlinkSync(path);
    const reader = new Socket({ fd: readerFd, readable: true, writable: false });
    return {
      reader,
      writer: { fd: writerFd, flags: constants.O_WRONLY },
      closeWriter: () => {
        closeSync(writerFd);
      },
    };
  } catch (error) {
    closeSync(readerFd);
    throw error;
  }
}
