import type { EventSink, JsonText } from '@caisson/protocol';
import type { KernelValue } from '../kernel/value-reader.ts';

/** Results of a step are kept up to this many times the limit of one stream of its output. */
const OUTPUT_LIMITS = 4;
const MAX_RESULTS = 1000;
/** What a result takes in memory beside its text. */
const RESULT_BYTES = 256;

/** The values that a step gives, within bounds: what goes beyond them is dropped, and told as `truncated`. */
export class StepValues {
  truncated = false;
  /** What `handler` returned. */
  returnValue: JsonText | null = null;
  readonly #emit: EventSink;
  #results = 0;
  #resultRoomBytes: number;

  constructor(outputLimitBytes: number, emit: EventSink) {
    this.#emit = emit;
    this.#resultRoomBytes = OUTPUT_LIMITS * outputLimitBytes;
  }

  /** How many bytes of the next result may be kept. */
  get resultRoomBytes(): number {
    return this.#results < MAX_RESULTS ? this.#resultRoomBytes : 0;
  }

  takeResult(value: KernelValue): Promise<void> | undefined {
    this.#results += 1;
    if (value === 'too_large') {
      this.truncated = true;
      return undefined;
    }
    this.#resultRoomBytes -= value.length + RESULT_BYTES;
    return this.#emit({ type: 'result', bundle: value });
  }

  takeReturnValue(value: KernelValue | undefined): void {
    if (value === 'too_large') this.truncated = true;
    else this.returnValue = value ?? null;
  }
}
