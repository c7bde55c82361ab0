import type { EventSink, JsonText } from '@caisson/protocol';
import { heldBytes, type KernelValue } from './value-reader.ts';

/** Of all results of a step, as they are held in memory. */
const MAX_RESULT_BYTES = 16 * 2 ** 20;
const MAX_RESULTS = 1000;
/** Of a result beside its text. */
const RESULT_BYTES = 256;

/** The values that a step gives, within bounds: what goes beyond them is dropped, and told as `truncated`. */
export class StepValues {
  truncated = false;
  /** What `handler` returned. */
  returnValue: JsonText | undefined;
  readonly #emit: EventSink;
  #results = 0;
  #resultRoomBytes = MAX_RESULT_BYTES;

  constructor(emit: EventSink) {
    this.#emit = emit;
  }

  takeResult(value: KernelValue | undefined): Promise<void> | undefined {
    if (value === undefined) return undefined;
    this.#results += 1;
    if (value !== 'too_large') this.#resultRoomBytes -= heldBytes(value) + RESULT_BYTES;
    if (value === 'too_large' || this.#results > MAX_RESULTS || this.#resultRoomBytes < 0) {
      this.truncated = true;
      return undefined;
    }
    return this.#emit({ type: 'result', bundle: value });
  }

  takeReturnValue(value: KernelValue | undefined): void {
    if (value === 'too_large') this.truncated = true;
    else this.returnValue = value;
  }
}
