import type { EventSink } from '@caisson/protocol/ports';
import { GrowingBuffer } from '../reading/growing-buffer.ts';

/** Enough for the message that Node prints before it aborts, and the native stack after it. */
const TAIL_BYTES = 16 * 1024;

/** Turns one output stream of a step into text events, up to a limit. */
export class StepOutput {
  truncated = false;
  readonly #name: 'stdout' | 'stderr';
  readonly #emit: EventSink;
  readonly #decoder = new TextDecoder('utf-8', { ignoreBOM: true });
  #roomBytes: number;
  readonly #tail = new GrowingBuffer();

  constructor(name: 'stdout' | 'stderr', limitBytes: number, emit: EventSink) {
    this.#name = name;
    this.#roomBytes = limitBytes;
    this.#emit = emit;
  }

  write(bytes: Buffer): Promise<void> | undefined {
    if (this.#name === 'stderr') this.#keepTail(bytes);
    if (this.truncated) return undefined;
    const kept = bytes.length > this.#roomBytes ? bytes.subarray(0, this.#roomBytes) : bytes;
    this.#roomBytes -= kept.length;
    const pending = this.#emitText(this.#decoder.decode(kept, { stream: true }));
    if (kept.length === bytes.length) return pending;
    this.truncated = true;
    return join(pending, this.#emit({ type: 'truncated', stream: this.#name }));
  }

  /** Emits the rest of an incomplete character, unless the limit cut it. */
  end(): Promise<void> | undefined {
    return this.truncated ? undefined : this.#emitText(this.#decoder.decode());
  }

  /** The last bytes of stderr, including those beyond the limit. */
  tail(): string {
    return this.#tail.take().subarray(-TAIL_BYTES).toString('latin1');
  }

  #emitText(text: string): Promise<void> | undefined {
    return text === '' ? undefined : this.#emit({ type: this.#name, text });
  }

  #keepTail(bytes: Buffer): void {
    this.#tail.append(bytes.subarray(-TAIL_BYTES));
    if (this.#tail.length > 4 * TAIL_BYTES) this.#tail.append(this.#tail.take().subarray(-TAIL_BYTES));
  }
}

function join(
  first: Promise<void> | undefined,
  second: Promise<void> | undefined,
): Promise<void> | undefined {
  if (first === undefined) return second;
  return second === undefined ? first : Promise.all([first, second]).then(() => undefined);
}
