import { randomUUID } from 'node:crypto';
import { jsonTextOf } from '@caisson/protocol/ports';
import type { JsonValue } from '@caisson/protocol/api';
import type { JsonText } from '@caisson/protocol/ports';

/** JSON text that is copied into an answer unchanged. */
class EmbeddedJson {
  readonly text: JsonText;

  constructor(text: JsonText) {
    this.text = text;
  }
}

/** A placeholder that `writeJson` replaces with `text`; it is opaque, since `text` is never parsed. */
export function embedded(text: JsonText): unknown {
  return new EmbeddedJson(text);
}

/** JSON of a value that may be `embedded`. */
export function textOf(value: JsonValue): JsonText {
  return (value as unknown) instanceof EmbeddedJson
    ? (value as unknown as EmbeddedJson).text
    : jsonTextOf(value);
}

/** Like `JSON.stringify`, with `embedded` texts inserted unchanged. */
export function writeJson(value: unknown): string {
  const texts: JsonText[] = [];
  // No text of a caller or of code can contain these 122 random bits, which are generated only now.
  const placeholder = randomUUID();
  const written = JSON.stringify(value, (_name, inner: unknown) => {
    if (!(inner instanceof EmbeddedJson)) return inner;
    texts.push(inner.text);
    return placeholder;
  });
  if (texts.length === 0) return written;
  const parts = written.split(`"${placeholder}"`);
  return parts.map((part, index) => part + (texts[index] ?? '')).join('');
}
