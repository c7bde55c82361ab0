import type { ByteChannel } from './byte-source.ts';
import { parseKernelFrame, type KernelFrame } from './kernel-frames.ts';

/** Holds any result that a kernel may send (see `kernels/README.md`), and bounds what a hostile one can make us keep. */
const MAX_FRAME_BYTES = 16 * 1024 * 1024;
const NEWLINE = 0x0a;

export interface ControlListener {
  /** While what it returned is pending, no more is read. */
  onFrame(frame: KernelFrame): Promise<void> | undefined;
  /** The channel was closed, or something came that is no frame. Called once. */
  onLost(): void;
}

/** Lines of JSON to and from a kernel. */
export class ControlChannel {
  readonly #bytes: ByteChannel;
  readonly #listener: ControlListener;
  #partial: Buffer[] = [];
  #partialBytes = 0;
  readonly #lines: string[] = [];
  #waiting = false;
  #lost = false;

  constructor(bytes: ByteChannel, listener: ControlListener) {
    this.#bytes = bytes;
    this.#listener = listener;
    bytes.read(this.#take.bind(this), this.#lose.bind(this));
  }

  send(line: string): void {
    if (!this.#lost) this.#bytes.write(line);
  }

  close(): void {
    this.#bytes.close();
  }

  #take(chunk: Buffer): void {
    let start = 0;
    for (let end = chunk.indexOf(NEWLINE); end !== -1; end = chunk.indexOf(NEWLINE, start)) {
      this.#lines.push(this.#finishLine(chunk.subarray(start, end)));
      start = end + 1;
    }
    if (start < chunk.length) {
      this.#partial.push(chunk.subarray(start));
      this.#partialBytes += chunk.length - start;
    }
    if (this.#partialBytes > MAX_FRAME_BYTES) this.#lose();
    if (!this.#waiting) this.#deliver();
  }

  #finishLine(last: Buffer): string {
    if (this.#partial.length === 0) return last.toString();
    const line = Buffer.concat([...this.#partial, last]).toString();
    this.#partial = [];
    this.#partialBytes = 0;
    return line;
  }

  #deliver(): void {
    for (let line = this.#lines.shift(); line !== undefined; line = this.#lines.shift()) {
      const frame = parseKernelFrame(line);
      if (frame === undefined) {
        this.#lose();
        return;
      }
      const pending = this.#listener.onFrame(frame);
      if (pending !== undefined) {
        this.#wait(pending);
        return;
      }
    }
  }

  #wait(pending: Promise<void>): void {
    this.#waiting = true;
    this.#bytes.pause();
    const go = (): void => {
      this.#waiting = false;
      this.#deliver();
      this.#resume();
    };
    pending.then(go, go);
  }

  #resume(): void {
    if (!this.#waiting) this.#bytes.resume();
  }

  #lose(): void {
    if (this.#lost) return;
    this.#lost = true;
    this.#partial = [];
    this.#lines.length = 0;
    this.#bytes.close();
    this.#listener.onLost();
  }
}
