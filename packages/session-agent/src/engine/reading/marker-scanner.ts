export interface Scanned {
  /** Bytes that are certainly before the marker; valid only as long as the chunk. */
  readonly before: Buffer;
  /** Bytes after the marker; `undefined` until it is found. */
  readonly after: Buffer | undefined;
}

const NOTHING = Buffer.alloc(0);

/** Finds a marker in a stream, however it is cut into chunks. */
export class MarkerScanner {
  readonly #marker: Buffer;
  #held: Buffer = NOTHING;

  constructor(marker: Buffer) {
    this.#marker = marker;
  }

  scan(chunk: Buffer): Scanned {
    const bytes = this.#held.length === 0 ? chunk : Buffer.concat([this.#held, chunk]);
    this.#held = NOTHING;
    const at = bytes.indexOf(this.#marker);
    if (at !== -1) return { before: bytes.subarray(0, at), after: bytes.subarray(at + this.#marker.length) };
    const clear = this.#startOfPartial(bytes);
    // Copied: the buffer is reused after this call.
    this.#held = Buffer.from(bytes.subarray(clear));
    return { before: bytes.subarray(0, clear), after: undefined };
  }

  /** Returns the bytes held back as a possible beginning of the marker. */
  flush(): Buffer {
    const held = this.#held;
    this.#held = NOTHING;
    return held;
  }

  #startOfPartial(bytes: Buffer): number {
    const first = this.#marker[0];
    for (let at = Math.max(0, bytes.length - this.#marker.length + 1); at < bytes.length; at += 1) {
      if (bytes[at] !== first) continue;
      const tail = bytes.subarray(at);
      if (tail.equals(this.#marker.subarray(0, tail.length))) return at;
    }
    return bytes.length;
  }
}
