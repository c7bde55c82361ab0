import type { ByteSource } from '@caisson/protocol';
import { GrowingBuffer } from '../reading/growing-buffer.ts';
import { MarkerScanner } from '../reading/marker-scanner.ts';

/** What background processes write between two steps is kept for the next one, up to this much. */
const MAX_BETWEEN_STEPS_BYTES = 64 * 1024;

/** Takes output; while what it returned is pending, no more is read. */
export type OutputConsumer = (bytes: Buffer) => Promise<void> | undefined;

/**
 * Reads one stream of a kernel for as long as it lives, so that nothing that writes there blocks for ever, and
 * gives what comes to the step that runs.
 */
export class OutputReader {
  /** Grows with each chunk: whether something still comes. */
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

  /** Whether a step has begun whose marker has not come. */
  get isInStep(): boolean {
    return this.#step !== undefined;
  }

  /** Gives all that comes to `consume`, until `marker` has come or the stream has ended; then resolves. */
  begin(marker: Buffer, consume: OutputConsumer): Promise<void> {
    return new Promise((resolve) => {
      this.#step = { scanner: new MarkerScanner(marker), consume, finish: resolve };
      if (this.#between.length > 0) this.#await(consume(this.#between.take()));
      if (this.#ended) this.#end();
    });
  }

  /** Ends the step although its marker has not come. */
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
