import { isAscii, isUtf8 } from 'node:buffer';
import { JsonScanner, type JsonText } from '@caisson/protocol';
import { GrowingBuffer } from './growing-buffer.ts';

/** See `kernels/README.md`. */
const MAX_VALUE_BYTES = 8 * 2 ** 20;
/** What kernels allow a value (200) and the bundle around it. */
const MAX_DEPTH = 256;
const LIMITS = { maxDepth: MAX_DEPTH, maxValues: Number.MAX_SAFE_INTEGER, lineBreaks: false };

/** JSON that a kernel has sent; `too_large` where it is larger than a value may be, or nested too deep. */
export type KernelValue = JsonText | 'too_large';

/** Takes one value of a kernel as it comes: checked at once, kept as text, never parsed. */
export class ValueReader {
  readonly #scanner = new JsonScanner(LIMITS);
  readonly #bytes = new GrowingBuffer();
  #roomBytes = MAX_VALUE_BYTES;
  #tooLarge = false;

  write(bytes: Buffer): void {
    if (this.#tooLarge) return;
    this.#roomBytes -= bytes.length;
    this.#scanner.write(bytes);
    if (this.#roomBytes >= 0 && this.#scanner.problem !== 'too_deep') {
      this.#bytes.append(bytes);
      return;
    }
    this.#tooLarge = true;
    this.#bytes.take();
  }

  /** The value, of which all has come; `undefined` if it is no JSON in UTF-8. */
  end(): KernelValue | undefined {
    if (this.#tooLarge) return 'too_large';
    const bytes = this.#bytes.take();
    if (this.#scanner.end() !== undefined || !isUtf8(bytes)) return undefined;
    return bytes.toString(isAscii(bytes) ? 'latin1' : 'utf8') as JsonText;
  }
}

/** What a text takes in memory: two bytes for each character, unless all of them are Latin-1, which is assumed of none. */
export function heldBytes(text: JsonText): number {
  return 2 * text.length;
}
