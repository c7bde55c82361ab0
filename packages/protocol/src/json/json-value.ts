import { z } from 'zod';

export type JsonValue = string | number | boolean | null | JsonValue[] | { [key: string]: JsonValue };

/** Any JSON value. Not `z.json()`: the value was parsed from JSON, so checking all of it again proves nothing. */
export const jsonValue = z.unknown().meta({ description: 'Any JSON value' }) as z.ZodType<JsonValue>;
