import { z } from 'zod';

const BYTE_UNITS: Readonly<Record<string, number>> = {
  '': 1,
  k: 1e3,
  M: 1e6,
  G: 1e9,
  Ki: 2 ** 10,
  Mi: 2 ** 20,
  Gi: 2 ** 30,
};

/** Bytes of a Kubernetes quantity such as `512Mi`, `1G` or `1048576`; `undefined` if it is invalid. */
export function parseBytes(text: string): number | undefined {
  const match = /^(\d{1,15}(?:\.\d{1,6})?)(k|M|G|Ki|Mi|Gi|)$/.exec(text);
  if (match?.[1] === undefined) return undefined;
  return Math.floor(Number(match[1]) * (BYTE_UNITS[match[2] ?? ''] ?? 1));
}

/** Thousandths of a core of a Kubernetes quantity such as `1`, `0.5` or `500m`; `undefined` if it is invalid. */
export function parseMillicores(text: string): number | undefined {
  const match = /^(?:(\d{1,7})m|(\d{1,4}(?:\.\d{1,3})?))$/.exec(text);
  if (match === null) return undefined;
  return match[1] === undefined ? Math.round(Number(match[2]) * 1000) : Number(match[1]);
}

export interface Bounds {
  readonly min: number;
  readonly max: number;
}

/** A schema for a byte quantity within `bounds` (bytes), parsed to bytes. */
export function bytesWithin(bounds: Bounds): z.ZodType<number, string> {
  return quantity(
    parseBytes,
    bounds,
    'a quantity of bytes such as "512Mi" or "1Gi"',
    (bytes) => `${bytes / 2 ** 20}Mi`,
  );
}

/** A schema for a CPU quantity within `bounds` (thousandths of a core), parsed to thousandths of a core. */
export function millicoresWithin(bounds: Bounds): z.ZodType<number, string> {
  return quantity(
    parseMillicores,
    bounds,
    'a quantity of cores such as "1", "0.5" or "500m"',
    (value) => `${value}m`,
  );
}

function quantity(
  parse: (text: string) => number | undefined,
  bounds: Bounds,
  expected: string,
  format: (value: number) => string,
): z.ZodType<number, string> {
  return z.string().transform((text, context) => {
    const value = parse(text);
    if (value === undefined) {
      context.issues.push({ code: 'custom', input: text, message: `must be ${expected}` });
      return z.NEVER;
    }
    if (value < bounds.min || value > bounds.max) {
      const range = `between ${format(bounds.min)} and ${format(bounds.max)}`;
      context.issues.push({ code: 'custom', input: text, message: `must be ${range}` });
      return z.NEVER;
    }
    return value;
  });
}
