import type { ByteSource } from '@caisson/protocol/ports';
import type { ByteChannel } from '../reading/byte-streams.ts';
import { GrowingBuffer } from '../reading/growing-buffer.ts';
import { guardedSource, type ReadGuard } from '../reading/read-guard.ts';
import { parseKernelFrame, type KernelFrame } from './kernel-frames.ts';
import { ValueReader, type KernelValue } from './value-reader.ts';

/** Limit for a frame; values come in lines of their own, of any length. */
const MAX_FRAME_BYTES = 1024 * 1024;
/** See `kernels/README.md`. */
const MAX_RETURN_VALUE_BYTES = 8 * 1024 * 1024;
/** After so many, other work gets its turn: a line of one byte costs as much as a line of a thousand. */
const MAX_LINES_AT_ONCE = 64;
const NEWLINE = 0x0a;
const RESULT_MARK = 0x2b;
const RETURN_VALUE_MARK = 0x3d;

export interface ControlListener {
  /** Whether the kernel may send anything; if not, what it sends is dropped. */
  readonly expects: boolean;
  /** Maximum size of the next result, in bytes. */
  readonly resultRoomBytes: number;
  /** While the result is pending, no more is read. */
  onResult(value: KernelValue): Promise<void> | undefined;
  /** `value` is the return value that was sent before the frame. */
  onFrame(frame: KernelFrame, value: KernelValue | undefined): void;
  onDropped(bytes: number): void;
  /** The channel was closed or the kernel sent something that is not a frame. Called once. */
  onLost(): void;
}

/** Receives frames and values from a kernel, and sends it lines. */
export class ControlChannel {
  readonly #bytes: ByteChannel;
  readonly #source: ByteSource;
  readonly #guard: ReadGuard;
  readonly #listener: ControlListener;
  /** The beginning of an incomplete frame. */
  readonly #partial = new GrowingBuffer();
  /** Reads the value that is arriving. */
  #reader: ValueReader | undefined;
  #isResult = false;
  #returnValue: KernelValue | undefined;
  #atLineStart = true;
  /** Whether the rest of the line is dropped too. */
  #skipping = false;
  /** Bytes that wait until the listener has taken what came before them. */
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
    // Read before the source was paused.
    if (this.#rest !== undefined) this.#rest = Buffer.concat([this.#rest, chunk]);
    else this.#keepRest(chunk, this.#deliver(chunk));
  }

  /** Processes lines until none is left, the listener is busy, or other work gets its turn; returns where it stopped. */
  #deliver(bytes: Buffer): number {
    let at = 0;
    for (let lines = 0; at < bytes.length && !this.#waiting && !this.#lost; lines += 1) {
      if (!this.#listener.expects) {
        this.#drop(bytes.subarray(at));
        return bytes.length;
      }
      if (lines === MAX_LINES_AT_ONCE) {
        this.#waitFor(this.#guard.turn());
        return at;
      }
      const end = bytes.indexOf(NEWLINE, at);
      this.#takePart(bytes.subarray(at, end === -1 ? bytes.length : end), end !== -1);
      at = end === -1 ? bytes.length : end + 1;
    }
    return at;
  }

  #keepRest(bytes: Buffer, from: number): void {
    if (from < bytes.length && !this.#lost) this.#rest = Buffer.from(bytes.subarray(from));
  }

  #drop(bytes: Buffer): void {
    this.#forgetLine();
    this.#returnValue = undefined;
    this.#skipping = bytes.at(-1) !== NEWLINE;
    this.#listener.onDropped(bytes.length);
  }

  /** Takes a part of a line; `isEnd` if it completes the line. */
  #takePart(part: Buffer, isEnd: boolean): void {
    if (this.#skipping) {
      this.#skipping = !isEnd;
      this.#listener.onDropped(part.length);
      return;
    }
    if (this.#atLineStart && (part[0] === RESULT_MARK || part[0] === RETURN_VALUE_MARK)) {
      this.#isResult = part[0] === RESULT_MARK;
      this.#reader = new ValueReader(
        this.#isResult ? this.#listener.resultRoomBytes : MAX_RETURN_VALUE_BYTES,
      );
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
      this.#takeValue(reader.end());
      return;
    }
    const frame = parseKernelFrame(line);
    const value = this.#returnValue;
    this.#returnValue = undefined;
    if (frame === undefined) this.#lose();
    else this.#listener.onFrame(frame, value);
  }

  #takeValue(value: KernelValue | undefined): void {
    if (value === undefined) this.#lose();
    else if (this.#isResult) this.#waitFor(this.#listener.onResult(value));
    else if (this.#returnValue === undefined) this.#returnValue = value;
    else this.#lose();
  }

  #forgetLine(): void {
    this.#reader = undefined;
    this.#partial.take();
    this.#atLineStart = true;
  }

  #waitFor(pending: Promise<void> | undefined): void {
    if (pending === undefined) return;
    this.#waiting = true;
    this.#source.pause();
    const goOn = (): void => {
      this.#guard.run(() => {
        this.#waiting = false;
        const rest = this.#rest;
        this.#rest = undefined;
        if (rest !== undefined) this.#keepRest(rest, this.#deliver(rest));
      });
      if (!this.#waiting) this.#source.resume();
    };
    pending.then(goOn, goOn);
  }

  #lose(): void {
    if (this.#lost) return;
    this.#lost = true;
    this.#forgetLine();
    this.#returnValue = undefined;
    this.#rest = undefined;
    this.#source.close();
    this.#listener.onLost();
  }
}
