import type { EventSink, JsonText } from '@caisson/protocol/ports';
import type { KernelValue } from '../kernel/value-reader.ts';

/** Limit for all results of a step, as a multiple of the limit of one output stream. */
const OUTPUT_LIMITS = 4;
const MAX_RESULTS = 1000;
/** Memory of a result beside its text. */
const RESULT_BYTES = 256;

/** The results and the return value of a step; what exceeds the limits is dropped and sets `truncated`. */
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

  /** Maximum size of the next result, in bytes. */
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
