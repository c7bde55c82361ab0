import { InvalidArgumentError } from 'commander';
import type { JsonValue } from '@caisson/protocol/api';

/** Adds one `NAME=VALUE` to those of earlier occurrences of the option. */
export function parseEnv(
  text: string,
  before: Readonly<Record<string, string>> = {},
): Record<string, string> {
  const cut = text.indexOf('=');
  if (cut <= 0) throw new InvalidArgumentError('Expected NAME=VALUE.');
  return { ...before, [text.slice(0, cut)]: text.slice(cut + 1) };
}

export function parseSeconds(text: string): number {
  const seconds = Number(text);
  if (text.trim() === '' || !Number.isFinite(seconds) || seconds <= 0) {
    throw new InvalidArgumentError('Expected a positive number of seconds, such as 30 or 0.5.');
  }
  return seconds;
}

export function parsePort(text: string): number {
  if (!/^\d{1,5}$/.test(text) || Number(text) > 65_535) {
    throw new InvalidArgumentError('Expected a port from 0 to 65535; 0 for any free port.');
  }
  return Number(text);
}

export function parseCount(text: string): number {
  if (!/^[1-9]\d{0,3}$/.test(text)) throw new InvalidArgumentError('Expected a number from 1 to 9999.');
  return Number(text);
}

export function parseJson(text: string): JsonValue {
  try {
    return JSON.parse(text) as JsonValue;
  } catch {
    throw new InvalidArgumentError('Expected JSON, such as {"name": "value"}.');
  }
}
