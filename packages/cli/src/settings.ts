import type { z } from 'zod';
import { CliFailure } from './failure.ts';

/** The environment variable of a setting: `CAISSON_MAX_PIDS` for `maxPids`. */
export function variableOf(setting: string): string {
  return `CAISSON_${setting.replaceAll(/[A-Z]/g, '_$&').toUpperCase()}`;
}

/**
 * The settings of a server from the environment.
 * @param given takes precedence
 * @throws CliFailure that names each variable with an invalid value, and what it must be
 */
export function readSettings<Schema extends z.ZodType>(
  schema: Schema,
  names: readonly string[],
  environment: Readonly<Record<string, string | undefined>>,
  given: Readonly<Record<string, unknown>> = {},
): z.output<Schema> {
  const found = names.flatMap((name) => {
    const text = environment[variableOf(name)];
    return text === undefined || text === '' ? [] : [[name, valueOf(text)] as const];
  });
  const parsed = schema.safeParse({ ...Object.fromEntries(found), ...given });
  if (parsed.success) return parsed.data;
  const suggestions = parsed.error.issues.map(
    ({ path, message }) => `${variableOf(String(path[0]))}: ${message}`,
  );
  throw new CliFailure('invalid settings', { suggestions });
}

function valueOf(text: string): string | number {
  return /^-?\d+(\.\d+)?$/.test(text) ? Number(text) : text;
}
