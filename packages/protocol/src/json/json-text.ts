import type { JsonValue } from './json-value.ts';
import type { Branded } from '../ids.ts';

/**
 * JSON in one line, checked where it came in (see `JsonScanner`) and then passed on as it is: to parse a value that only
 * the caller will look at, and to write it again, costs event-loop time and memory that its author chooses.
 */
export type JsonText = Branded<string, 'jsonText'>;

/** The text of a value that this process made or has already parsed. */
export function jsonTextOf(value: JsonValue): JsonText {
  return JSON.stringify(value) as JsonText;
}
