import type { JsonValue } from './json-value.ts';
import type { Branded } from '../ids.ts';

/**
 * JSON on one line, validated on entry (see `JsonScanner`) and then passed on as text: parsing and serialising a value that
 * only the caller reads would cost event-loop time and memory, and its author decides how much.
 */
export type JsonText = Branded<string, 'jsonText'>;

/** The text of a value that this process created or has parsed already. */
export function jsonTextOf(value: JsonValue): JsonText {
  return JSON.stringify(value) as JsonText;
}
