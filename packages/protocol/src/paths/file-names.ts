/**
 * Linux names files by bytes, which need not be UTF-8. Here a name is text: valid UTF-8 stands for itself, and each byte
 * that is part of no valid character becomes one of 128 characters of a private use area, U+EF80 for 0x80 up to U+EFFF
 * for 0xFF (as MirOS' OPTU-8 does). A name that holds one of these characters itself has each of their three bytes
 * escaped, so no two names have the same text. Only bytes from 0x80 on are ever escaped: never "/", "." or NUL.
 */
const FIRST_ESCAPE = 0xef80;
const ESCAPES = /[\uef80-\uefff]/;
const FIRST_ESCAPED_BYTE = 0x80;
/** In UTF-8 an escape is 0xEE, then 0xBE or 0xBF, then one byte more. */
const [ESCAPE_LEAD, ESCAPE_SECOND] = [0xee, 0xbe];
const ESCAPE_BYTES = 3;
const REPLACEMENT = '\ufffd';

const encoder = new TextEncoder();
const decoder = new TextDecoder('utf-8', { ignoreBOM: true });

/** The text that stands for the name of these bytes, or for a path of such names; always well-formed. */
export function nameOfBytes(bytes: Uint8Array): string {
  const decoded = decoder.decode(bytes);
  if (!decoded.includes(REPLACEMENT) && !ESCAPES.test(decoded)) return decoded;
  let text = '';
  for (let at = 0; at < bytes.length;) {
    const length = lengthOfCharacter(bytes, at);
    const character = decoder.decode(bytes.subarray(at, at + length));
    if (length > 0 && !ESCAPES.test(character)) {
      text += character;
      at += length;
    } else {
      text += String.fromCharCode(FIRST_ESCAPE - FIRST_ESCAPED_BYTE + (bytes[at] ?? 0));
      at += 1;
    }
  }
  return text;
}

/** The bytes that `text` stands for; `text` must be well-formed. */
export function bytesOfName(text: string): Uint8Array {
  const encoded = encoder.encode(text);
  if (!ESCAPES.test(text)) return encoded;
  let length = 0;
  for (let at = 0; at < encoded.length; length += 1) {
    if (isEscape(encoded, at)) {
      // The low six bits of the last two bytes, less those of U+EF80.
      const offset = (((encoded[at + 1] ?? 0) - ESCAPE_SECOND) << 6) | ((encoded[at + 2] ?? 0) & 0x3f);
      encoded[length] = FIRST_ESCAPED_BYTE + offset;
      at += ESCAPE_BYTES;
    } else {
      encoded[length] = encoded[at] ?? 0;
      at += 1;
    }
  }
  return encoded.slice(0, length);
}

/** Whether `text` is what `nameOfBytes` gives: a text can also escape a character that stands for itself. */
export function isCanonicalName(text: string): boolean {
  return !ESCAPES.test(text) || nameOfBytes(bytesOfName(text)) === text;
}

function isEscape(bytes: Uint8Array, at: number): boolean {
  return bytes[at] === ESCAPE_LEAD && (bytes[at + 1] ?? 0) >= ESCAPE_SECOND;
}

/** How many bytes the character at `at` has; 0 where none is valid there. The ranges are those of Unicode, table 3-7. */
function lengthOfCharacter(bytes: Uint8Array, at: number): number {
  const first = bytes[at] ?? 0;
  if (first < 0x80) return 1;
  if (first < 0xc2 || first > 0xf4) return 0;
  const length = first < 0xe0 ? 2 : first < 0xf0 ? 3 : 4;
  const least = first === 0xe0 ? 0xa0 : first === 0xf0 ? 0x90 : 0x80;
  const most = first === 0xed ? 0x9f : first === 0xf4 ? 0x8f : 0xbf;
  if (!isWithin(bytes[at + 1], least, most)) return 0;
  for (let next = at + 2; next < at + length; next += 1) {
    if (!isWithin(bytes[next], 0x80, 0xbf)) return 0;
  }
  return length;
}

function isWithin(byte: number | undefined, least: number, most: number): boolean {
  return byte !== undefined && byte >= least && byte <= most;
}
