import { isAscii, isUtf8 } from 'node:buffer';
import { JsonScanner, type JsonText } from '@caisson/protocol';
import { GrowingBuffer } from '../reading/growing-buffer.ts';

/** What kernels allow a value (200) and the bundle around it. */
const MAX_DEPTH = 256;
const LIMITS = { maxDepth: MAX_DEPTH, maxValues: Number.MAX_SAFE_INTEGER, lineBreaks: false };

/** JSON that a kernel has sent; `too_large` where there is no room for it, or it is nested too deep. */
export type KernelValue = JsonText | 'too_large';

/** Takes one value of a kernel as it comes: checked at once, kept as text, never parsed. */
export class ValueReader {
  readonly #scanner = new JsonScanner(LIMITS);
  readonly #bytes = new GrowingBuffer();
  #roomBytes: number;
  #tooLarge = false;

  constructor(roomBytes: number) {
    this.#roomBytes = roomBytes;
  }

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
