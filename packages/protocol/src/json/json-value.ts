import { z } from 'zod';

export type JsonValue = string | number | boolean | null | JsonValue[] | { [key: string]: JsonValue };

/** Any JSON value. Not `z.json()`: what arrives here was parsed from JSON already, so a walk over it proves nothing. */
export const jsonValue = z.unknown().meta({ description: 'Any JSON value' }) as z.ZodType<JsonValue>;
