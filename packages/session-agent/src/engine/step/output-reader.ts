import type { ByteSource } from '@caisson/protocol/ports';
import { GrowingBuffer } from '../reading/growing-buffer.ts';
import { MarkerScanner } from '../reading/marker-scanner.ts';

/** Limit for output of background processes between two steps, which the next step gets. */
const MAX_BETWEEN_STEPS_BYTES = 64 * 1024;

/** Takes output; while what it returned is pending, no more is read. */
export type OutputConsumer = (bytes: Buffer) => Promise<void> | undefined;

/**
 * Reads one output stream of a kernel as long as it lives, so that no writer blocks for ever, and passes the bytes to the
 * running step.
 */
export class OutputReader {
  /** Grows with each chunk: shows whether output still arrives. */
  bytesRead = 0;
  readonly #stream: ByteSource;
  readonly #between = new GrowingBuffer();
  #ended = false;
  #pending = 0;
  #step: { scanner: MarkerScanner; consume: OutputConsumer; finish: () => void } | undefined;

  constructor(stream: ByteSource) {
    this.#stream = stream;
    stream.read(this.#take.bind(this), this.#end.bind(this));
  }

  /** Whether a step has begun and its marker has not arrived. */
  get isInStep(): boolean {
    return this.#step !== undefined;
  }

  /** Passes the bytes to `consume` until `marker` arrives or the stream ends; then resolves. */
  begin(marker: Buffer, consume: OutputConsumer): Promise<void> {
    return new Promise((resolve) => {
      this.#step = { scanner: new MarkerScanner(marker), consume, finish: resolve };
      if (this.#between.length > 0) this.#await(consume(this.#between.take()));
      if (this.#ended) this.#end();
    });
  }

  /** Ends the step although its marker has not arrived. */
  abandon(): void {
    const step = this.#step;
    if (step === undefined) return;
    const held = step.scanner.flush();
    if (held.length > 0) this.#await(step.consume(held));
    this.#finish();
    this.#stream.resume();
  }

  close(): void {
    this.#stream.close();
  }

  #take(chunk: Buffer): void {
    this.bytesRead += chunk.length;
    if (this.#step === undefined) {
      this.#keep(chunk);
      return;
    }
    const { before, after } = this.#step.scanner.scan(chunk);
    const pending = before.length > 0 ? this.#step.consume(before) : undefined;
    if (after === undefined) {
      this.#await(pending);
      return;
    }
    this.#finish();
    if (after.length > 0) this.#keep(after);
  }

  #await(pending: Promise<void> | undefined): void {
    if (pending === undefined) return;
    this.#pending += 1;
    this.#stream.pause();
    const resume = (): void => {
      this.#pending -= 1;
      if (this.#pending === 0) this.#stream.resume();
    };
    pending.then(resume, resume);
  }

  #keep(chunk: Buffer): void {
    const room = MAX_BETWEEN_STEPS_BYTES - this.#between.length;
    if (room > 0) this.#between.append(chunk.subarray(0, room));
  }

  #end(): void {
    this.#ended = true;
    this.abandon();
  }

  #finish(): void {
    const step = this.#step;
    this.#step = undefined;
    step?.finish();
  }
}
