import type { OnReadOpts, Socket } from 'node:net';
import type { ByteChannel, ChannelWriter } from '@caisson/session-agent';

/** The most that one read takes. */
const BUFFER_BYTES = 64 * 1024;

/** A buffer that several sockets read into, one after another: each gives its bytes to its reader before the next one reads. */
export function readBuffer(): Uint8Array {
  return Buffer.allocUnsafeSlow(BUFFER_BYTES);
}

/**
 * A socket or pipe whose bytes are handed on as they arrive. A stream would queue and count them and emit events; for the few
 * bytes of most cells, that costs several times what reading them does.
 */
export class DirectSocket implements ByteChannel, ChannelWriter {
  readonly #socket: Socket;
  #take: ((bytes: Buffer) => void) | undefined;
  /** What arrived while nobody read; reading stops then. */
  #held: Buffer | undefined;

  /** @param open makes the socket, with these options for how it reads */
  constructor(buffer: Uint8Array, open: (onread: OnReadOpts) => Socket) {
    this.#socket = open({
      buffer,
      callback: (length, bytes) => this.#pass(Buffer.from(bytes.buffer, bytes.byteOffset, length)),
    });
    // `close` follows each error; without a listener the error would end this process.
    this.#socket.on('error', () => undefined);
  }

  read(take: (bytes: Buffer) => void, end: () => void): void {
    this.#take = take;
    if (this.#socket.closed) process.nextTick(end);
    else this.#socket.on('end', end).on('close', end);
    const held = this.#held;
    if (held === undefined) return;
    this.#held = undefined;
    this.#socket.resume();
    take(held);
  }

  /**
   * The first line that arrives. Nothing may follow it before something is written; after that, reading starts afresh.
   * @throws Error if the other end closes first, more than the line arrives, or it does not arrive within `timeoutMs`
   */
  async firstLine(maxBytes: number, timeoutMs: number): Promise<string> {
    let text = '';
    const { promise, resolve, reject } = Promise.withResolvers<string>();
    const end = (): void => {
      reject(new Error('it ended'));
    };
    const timer = setTimeout(() => {
      reject(new Error(`it said nothing for ${timeoutMs} ms`));
    }, timeoutMs).unref();
    this.read((bytes) => {
      text += bytes.toString();
      const at = text.indexOf('\n');
      if (at !== -1 && at === text.length - 1) resolve(text.slice(0, -1));
      else if (at !== -1 || text.length > maxBytes) reject(new Error('it said more than one line'));
    }, end);
    try {
      return await promise;
    } finally {
      clearTimeout(timer);
      this.#socket.off('end', end).off('close', end);
      this.#take = undefined;
    }
  }

  write(text: string): void {
    this.#socket.write(text);
  }

  pause(): void {
    this.#socket.pause();
  }

  resume(): void {
    this.#socket.resume();
  }

  close(): void {
    this.#socket.destroy();
  }

  onClose(listener: () => void): void {
    this.#socket.on('close', listener);
  }

  /** Whether to go on reading. */
  #pass(bytes: Buffer): boolean {
    if (this.#take === undefined) this.#held = Buffer.from(bytes);
    else this.#take(bytes);
    return this.#take !== undefined;
  }
}
