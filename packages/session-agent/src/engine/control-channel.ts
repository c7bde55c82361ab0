import type { ByteChannel, ByteSource } from './byte-source.ts';
import { GrowingBuffer } from './growing-buffer.ts';
import { guardedSource, type ReadGuard } from './read-guard.ts';
import { parseKernelFrame, type KernelFrame } from './kernel-frames.ts';
import { ValueReader, type KernelValue } from './value-reader.ts';

/** Of a frame; values come in lines of their own, of any length. */
const MAX_FRAME_BYTES = 1024 * 1024;
const NEWLINE = 0x0a;
const VALUE_MARK = 0x3d;

export interface ControlListener {
  /** Whether the kernel may say anything; what it says otherwise is dropped. */
  readonly expects: boolean;
  /** Takes a frame and the value that was sent for it. While what it returned is pending, no more is read. */
  onFrame(frame: KernelFrame, value: KernelValue | undefined): Promise<void> | undefined;
  onDropped(bytes: number): void;
  /** The channel was closed, or something came that is no frame. Called once. */
  onLost(): void;
}

/** Frames and values from a kernel, and lines to it. */
export class ControlChannel {
  readonly #bytes: ByteChannel;
  readonly #source: ByteSource;
  readonly #guard: ReadGuard;
  readonly #listener: ControlListener;
  /** Of a frame that is not whole yet. */
  readonly #partial = new GrowingBuffer();
  /** The value that comes, or has come and waits for its frame. */
  #reader: ValueReader | undefined;
  #value: KernelValue | undefined;
  #atLineStart = true;
  /** Whether the rest of the line belongs to what was dropped. */
  #skipping = false;
  /** What is read and waits until the listener has taken what came before. */
  #rest: Buffer | undefined;
  #waiting = false;
  #lost = false;

  constructor(bytes: ByteChannel, guard: ReadGuard, listener: ControlListener) {
    this.#bytes = bytes;
    this.#guard = guard;
    this.#listener = listener;
    this.#source = guardedSource(bytes, guard);
    this.#source.read(this.#take.bind(this), this.#lose.bind(this));
  }

  send(line: string): void {
    if (!this.#lost) this.#bytes.write(line);
  }

  close(): void {
    this.#source.close();
  }

  #take(chunk: Buffer): void {
    this.#rest = this.#rest === undefined ? chunk : Buffer.concat([this.#rest, chunk]);
    if (!this.#waiting) this.#deliver();
  }

  #deliver(): void {
    while (this.#rest !== undefined && !this.#waiting && !this.#lost) {
      const bytes = this.#rest;
      if (this.#listener.expects) {
        const end = bytes.indexOf(NEWLINE);
        this.#rest = end === -1 || end + 1 === bytes.length ? undefined : bytes.subarray(end + 1);
        this.#takePart(end === -1 ? bytes : bytes.subarray(0, end), end !== -1);
      } else {
        this.#rest = undefined;
        this.#drop(bytes);
      }
    }
  }

  #drop(bytes: Buffer): void {
    this.#forgetLine();
    this.#value = undefined;
    this.#skipping = bytes.at(-1) !== NEWLINE;
    this.#listener.onDropped(bytes.length);
  }

  /** Takes what comes of a line, which is whole where `isEnd`. */
  #takePart(part: Buffer, isEnd: boolean): void {
    if (this.#skipping) {
      this.#skipping = !isEnd;
      this.#listener.onDropped(part.length);
      return;
    }
    if (this.#atLineStart && part[0] === VALUE_MARK && this.#value === undefined) {
      this.#reader = new ValueReader();
      this.#reader.write(part.subarray(1));
    } else if (this.#reader !== undefined) this.#reader.write(part);
    else this.#keep(part);
    this.#atLineStart = isEnd;
    if (isEnd && !this.#lost) this.#endLine();
  }

  #keep(part: Buffer): void {
    if (this.#partial.length + part.length > MAX_FRAME_BYTES) this.#lose();
    else this.#partial.append(part);
  }

  #endLine(): void {
    const reader = this.#reader;
    const line = this.#partial.take();
    this.#forgetLine();
    if (reader !== undefined) {
      this.#value = reader.end();
      if (this.#value === undefined) this.#lose();
      return;
    }
    const frame = parseKernelFrame(line);
    const value = this.#value;
    this.#value = undefined;
    if (frame === undefined) this.#lose();
    else this.#pass(frame, value);
  }

  #forgetLine(): void {
    this.#reader = undefined;
    this.#partial.take();
    this.#atLineStart = true;
  }

  #pass(frame: KernelFrame, value: KernelValue | undefined): void {
    const pending = this.#listener.onFrame(frame, value);
    if (pending === undefined) return;
    this.#waiting = true;
    this.#source.pause();
    const goOn = (): void => {
      this.#guard.run(() => {
        this.#waiting = false;
        this.#deliver();
      });
      if (!this.#waiting) this.#source.resume();
    };
    pending.then(goOn, goOn);
  }

  #lose(): void {
    if (this.#lost) return;
    this.#lost = true;
    this.#forgetLine();
    this.#value = undefined;
    this.#rest = undefined;
    this.#source.close();
    this.#listener.onLost();
  }
}
