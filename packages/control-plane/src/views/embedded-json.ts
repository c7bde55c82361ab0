import { randomUUID } from 'node:crypto';
import { jsonTextOf } from '@caisson/protocol/ports';
import type { JsonValue } from '@caisson/protocol/api';
import type { JsonText } from '@caisson/protocol/ports';

/** JSON that stands in an answer as it is. */
class EmbeddedJson {
  readonly text: JsonText;

  constructor(text: JsonText) {
    this.text = text;
  }
}

/** Stands for the value of `text` in what `writeJson` writes; it is never parsed, so nothing can be read from it. */
export function embedded(text: JsonText): unknown {
  return new EmbeddedJson(text);
}

/** JSON of a value that may be `embedded`. */
export function textOf(value: JsonValue): JsonText {
  return (value as unknown) instanceof EmbeddedJson
    ? (value as unknown as EmbeddedJson).text
    : jsonTextOf(value);
}

/** As `JSON.stringify`, with every `embedded` text in its place. */
export function writeJson(value: unknown): string {
  const texts: JsonText[] = [];
  // Nothing that a caller or code has written can hold 122 random bits that are made only now.
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
