import { isAscii, isUtf8 } from 'node:buffer';
import { JsonScanner, type JsonText } from '@caisson/protocol/ports';
import { GrowingBuffer } from '../reading/growing-buffer.ts';

/** Kernels allow 200 for a value, and a bundle adds some. */
const MAX_DEPTH = 256;
const LIMITS = { maxDepth: MAX_DEPTH, maxValues: Number.MAX_SAFE_INTEGER, lineBreaks: false };

/** JSON from a kernel; `too_large` if it exceeds its room or is nested too deep. */
export type KernelValue = JsonText | 'too_large';

/** Reads one value of a kernel: checks it as it arrives and keeps it as text, without parsing it. */
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

  /** The complete value; `undefined` if it is not JSON in UTF-8. */
  end(): KernelValue | undefined {
    if (this.#tooLarge) return 'too_large';
    const bytes = this.#bytes.take();
    if (this.#scanner.end() !== undefined || !isUtf8(bytes)) return undefined;
    return bytes.toString(isAscii(bytes) ? 'latin1' : 'utf8') as JsonText;
  }
}
