import type { z } from 'zod';
import { CliFailure } from './failure.ts';

/** `maxPids` is `CAISSON_MAX_PIDS`. */
export function variableOf(setting: string): string {
  return `CAISSON_${setting.replaceAll(/[A-Z]/g, '_$&').toUpperCase()}`;
}

/**
 * The settings of a server that the environment gives, each by its variable.
 * @throws CliFailure that names each variable whose value is wrong, and says what would be right
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
  throw new CliFailure('some settings are wrong', { suggestions });
}

function valueOf(text: string): string | number {
  return /^-?\d+(\.\d+)?$/.test(text) ? Number(text) : text;
}
