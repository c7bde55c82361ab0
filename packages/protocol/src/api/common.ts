import { z } from 'zod';
import { bytesWithin, millicoresWithin } from '../quantities.ts';

const NUL = '\0';
const textProblem = (text: string): string | undefined => {
  if (text.includes(NUL)) return 'must not contain a null byte';
  return text.isWellFormed() ? undefined : 'must be valid Unicode, without lone surrogates';
};

/** Text that can be passed to a process: valid Unicode without null bytes. `max` counts UTF-16 units. */
export const plainText = (max: number) =>
  z
    .string()
    .max(max, `must be at most ${max} characters`)
    .check(({ value, issues }) => {
      const message = textProblem(value);
      if (message !== undefined) issues.push({ code: 'custom', input: value, message });
    });

const MAX_ENV_ENTRIES = 256;
const MAX_ENV_BYTES = 64 * 1024;
const encoder = new TextEncoder();
const bytesOf = (text: string): number => encoder.encode(text).length;

export const envVars = z
  .record(
    z
      .string()
      .regex(
        /^[A-Za-z_][A-Za-z0-9_]{0,255}$/,
        'must consist of letters, digits and "_", and not start with a digit',
      ),
    plainText(32_768),
  )
  .check(({ value, issues }) => {
    const entries = Object.entries(value);
    const bytes = entries.reduce((sum, [name, text]) => sum + bytesOf(name) + bytesOf(text), 0);
    if (entries.length > MAX_ENV_ENTRIES || bytes > MAX_ENV_BYTES) {
      const message = `must be at most ${MAX_ENV_ENTRIES} variables with ${MAX_ENV_BYTES} bytes in total`;
      issues.push({ code: 'custom', input: value, message });
    }
  })
  .meta({ description: 'Environment variables by name', example: { GREETING: 'hello' } });

export const resources = z
  .strictObject({
    cpu: millicoresWithin({ min: 10, max: 64_000 })
      .optional()
      .meta({ description: 'CPU cores', example: '1' }),
    memory: bytesWithin({ min: 32 * 2 ** 20, max: 256 * 2 ** 30 })
      .optional()
      .meta({ description: 'Memory of all processes', example: '512Mi' }),
    disk: bytesWithin({ min: 2 ** 20, max: 64 * 2 ** 30 })
      .optional()
      .meta({ description: 'Size of /workspace', example: '1Gi' }),
    pids: z.int().min(8).max(4096).optional().meta({ description: 'Processes and threads', example: 128 }),
  })
  .meta({ id: 'Resources' });

/** Resources in answers, in the same notation as in requests. */
export const resourcesView = z.object({
  cpu: z.string(),
  memory: z.string(),
  disk: z.string(),
  pids: z.int(),
});

/** A number of seconds; fractions are allowed. */
export const seconds = (bounds: { min: number; max: number }) =>
  z
    .number()
    .min(bounds.min, `must be at least ${bounds.min} seconds`)
    .max(bounds.max, `must be at most ${bounds.max} seconds`);

export const timestamp = z.iso
  .datetime()
  .meta({ description: 'RFC 3339, UTC', example: '2026-01-31T12:00:00.000Z' });

/** Query of a list: page size and cursor. */
export const pageQuery = z.object({
  limit: z.coerce.number().int().min(1).max(1000).default(100),
  cursor: z.string().max(1024).optional().meta({ description: '`next_cursor` of the previous page' }),
});

export const page = <Item extends z.ZodType>(item: Item) =>
  z.object({
    items: z.array(item),
    next_cursor: z
      .string()
      .nullable()
      .meta({ description: 'Cursor of the next page; null on the last page' }),
  });
