const [QUOTE, BACKSLASH, COMMA, SPACE] = [0x22, 0x5c, 0x2c, 0x20];
const [OPEN_BRACKET, CLOSE_BRACKET, OPEN_BRACE, CLOSE_BRACE] = [0x5b, 0x5d, 0x7b, 0x7d];

/** A range of bytes in a text; `end` is exclusive. */
export interface Span {
  readonly start: number;
  readonly end: number;
}

/**
 * Finds the value of the member `name` of a JSON object without parsing it.
 * @param bytes a valid JSON object
 * @param name without characters that JSON escapes
 * @returns `undefined` if there is no such member, or if it is ambiguous: there are several, or a name has escapes
 */
export function findMember(bytes: Uint8Array, name: string): Span | undefined {
  const wanted = new TextEncoder().encode(name);
  let found: Span | undefined;
  let at = skipSpace(bytes, skipSpace(bytes, 0) + 1);
  while (bytes[at] === QUOTE) {
    const key = { start: at + 1, end: endOfString(bytes, at) - 1 };
    const start = skipSpace(bytes, skipSpace(bytes, key.end + 1) + 1);
    const end = endOfValue(bytes, start);
    if (includes(bytes, key, BACKSLASH)) return undefined;
    if (isEqual(bytes, key, wanted)) {
      if (found !== undefined) return undefined;
      found = { start, end };
    }
    at = skipSpace(bytes, end);
    if (bytes[at] === COMMA) at = skipSpace(bytes, at + 1);
  }
  return found;
}

function endOfValue(bytes: Uint8Array, start: number): number {
  let depth = 0;
  for (let at = start; at < bytes.length;) {
    const byte = bytes[at];
    if (byte === QUOTE) {
      at = endOfString(bytes, at);
      if (depth === 0) return at;
      continue;
    }
    if (byte === OPEN_BRACKET || byte === OPEN_BRACE) depth += 1;
    else if (byte === CLOSE_BRACKET || byte === CLOSE_BRACE) {
      // The end of the object itself, after a number or a literal.
      if (depth === 0) return at;
      depth -= 1;
      if (depth === 0) return at + 1;
    } else if (depth === 0 && (byte === COMMA || isSpace(byte))) return at;
    at += 1;
  }
  return bytes.length;
}

/** The index after the closing quote of the string that opens at `start`. */
function endOfString(bytes: Uint8Array, start: number): number {
  for (let at = start + 1; at < bytes.length; at += 1) {
    if (bytes[at] === BACKSLASH) at += 1;
    else if (bytes[at] === QUOTE) return at + 1;
  }
  return bytes.length;
}

function skipSpace(bytes: Uint8Array, from: number): number {
  let at = from;
  while (isSpace(bytes[at])) at += 1;
  return at;
}

function isSpace(byte: number | undefined): boolean {
  return byte === SPACE || byte === 0x0a || byte === 0x0d || byte === 0x09;
}

function includes(bytes: Uint8Array, { start, end }: Span, byte: number): boolean {
  const at = bytes.indexOf(byte, start);
  return at !== -1 && at < end;
}

function isEqual(bytes: Uint8Array, { start, end }: Span, wanted: Uint8Array): boolean {
  return end - start === wanted.length && wanted.every((byte, index) => bytes[start + index] === byte);
}
