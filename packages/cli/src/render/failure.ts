import type { ApiError } from '@caisson/sdk';
import { CliFailure } from '../failure.ts';
import { printable } from './printable.ts';

const START_HINT = 'Start a server with "caisson serve", or set CAISSON_URL to the URL of one.';

/** What is printed for `error`: its message, then what to do about it, each on a line, without a stack. */
export function renderFailure(error: unknown): string {
  const message = error instanceof Error ? error.message : String(error);
  const lines = [
    `caisson: ${printable(message)}`,
    ...suggestionsOf(error).map((line) => `  ${printable(line)}`),
  ];
  return lines.map((line) => `${line}\n`).join('');
}

function suggestionsOf(error: unknown): readonly string[] {
  if (error instanceof CliFailure) return error.suggestions;
  if (!isApiError(error)) return [];
  if (error.code === 'connection_failed') return [START_HINT];
  return error.suggestion === undefined ? [] : [error.suggestion];
}

/** By its name: the class would load all of the SDK, also for `--help`. */
function isApiError(error: unknown): error is ApiError {
  return error instanceof Error && error.name === 'ApiError';
}
