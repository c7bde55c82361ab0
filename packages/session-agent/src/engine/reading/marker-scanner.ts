export interface Scanned {
  /** Bytes that surely stand before the marker; lent as the chunk is. */
  readonly before: Buffer;
  /** Bytes behind the marker; `undefined` while it has not come. */
  readonly after: Buffer | undefined;
}

const NOTHING = Buffer.alloc(0);

/** Finds a marker in a stream of chunks, wherever the borders between them are. */
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
    // Copied: the bytes are lent for this call.
    this.#held = Buffer.from(bytes.subarray(clear));
    return { before: bytes.subarray(0, clear), after: undefined };
  }

  /** What was held back because it could have been the beginning of the marker. */
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
