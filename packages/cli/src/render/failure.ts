import { CliFailure } from '../failure.ts';
import { printable } from './printable.ts';

/** What is printed of `error`, with its line break. Only of our own errors is known that the message is meant for users. */
export function renderFailure(error: unknown): string {
  const message = error instanceof Error ? error.message : String(error);
  const suggestions = error instanceof CliFailure ? error.suggestions : [];
  const lines = [`caisson: ${printable(message)}`, ...suggestions.map((line) => `  ${printable(line)}`)];
  return lines.map((line) => `${line}\n`).join('');
}
