import { isUtf8 } from 'node:buffer';

/**
 * Linux names files by bytes, which need not be UTF-8. Here a name is text: valid UTF-8 stands for itself, and each byte
 * that is part of no valid character is told as one of 128 characters of a private use area, U+EF80 for 0x80 up to
 * U+EFFF for 0xFF (the way of MirOS' OPTU-8). A name that holds one of these characters itself has each of their three
 * bytes told so, and thus no two names look the same. Only bytes from 0x80 on can be meant: never "/", ".", or NUL.
 */
const FIRST_ESCAPE = 0xef80;
const LAST_ESCAPE = 0xefff;
const ESCAPES = /[\uef80-\uefff]/;
const FIRST_ESCAPED_BYTE = 0x80;

/** The text that stands for the name of these bytes, or for a path of such names; every text of it is well-formed. */
export function nameOfBytes(bytes: Buffer): string {
  if (isUtf8(bytes)) {
    const text = bytes.toString('utf8');
    if (!ESCAPES.test(text)) return text;
  }
  let text = '';
  for (let place = 0; place < bytes.length;) {
    const length = lengthOfCharacter(bytes, place);
    const character = bytes.toString('utf8', place, place + length);
    if (length > 0 && !ESCAPES.test(character)) {
      text += character;
      place += length;
    } else {
      text += String.fromCharCode(FIRST_ESCAPE - FIRST_ESCAPED_BYTE + (bytes[place] ?? 0));
      place += 1;
    }
  }
  return text;
}

/** The bytes that `text` stands for; `text` must be well-formed. */
export function bytesOfName(text: string): Buffer {
  if (!ESCAPES.test(text)) return Buffer.from(text);
  const parts = Array.from(text, (character) => {
    const code = character.charCodeAt(0);
    if (code < FIRST_ESCAPE || code > LAST_ESCAPE) return Buffer.from(character);
    return Buffer.of(code - FIRST_ESCAPE + FIRST_ESCAPED_BYTE);
  });
  return Buffer.concat(parts);
}

/** Whether `text` is what `nameOfBytes` gives: a valid character could also be spelt byte by byte, and then it is not. */
export function isCanonicalName(text: string): boolean {
  return !ESCAPES.test(text) || nameOfBytes(bytesOfName(text)) === text;
}

/** How many bytes the character at `place` has; 0 where there is none that is valid. */
function lengthOfCharacter(bytes: Buffer, place: number): number {
  const first = bytes[place] ?? 0;
  const length = first < 0x80 ? 1 : first < 0xe0 ? 2 : first < 0xf0 ? 3 : 4;
  const end = place + length;
  return end <= bytes.length && isUtf8(bytes.subarray(place, end)) ? length : 0;
}
