import { isUtf8 } from 'node:buffer';
import type { IncomingMessage } from 'node:http';
import { CaissonError } from '@caisson/protocol/api';
import { findMember, JsonScanner } from '@caisson/protocol/ports';
import type { TenantId } from '@caisson/protocol/api';
import type { JsonText, Span } from '@caisson/protocol/ports';
import { embedded } from '../../views/embedded-json.ts';
import type { ParseShare } from './parse-share.ts';

/** Far above realistic bodies, far below what exhausts the stack of recursive code. */
const MAX_DEPTH = 64;
/** Every JSON text with a key `__proto__` contains one of these: the key itself, or with an escaped character. */
const UNSAFE_TEXTS = ['__proto__', '\\u00'];
/** Checked before parsing: four megabytes can hold two million arrays. */
const MAX_VALUES = 100_000;
const SCAN_LIMITS = { maxDepth: MAX_VALUES, maxValues: MAX_VALUES, lineBreaks: true };
const OPEN_BRACE = 0x7b;
/** Parsing smaller bodies costs too little to be metered. */
const SHARED_FROM_BYTES = 16 * 1024;

export interface BodyLimits {
  readonly bytes: number;
  readonly timeoutMs: number;
}

/**
 * Reads a JSON body within the tenant's share of the event loop.
 * @throws CaissonError `body_too_large`, `invalid_utf8`, `malformed_json`, `validation_failed`, `parse_share_exceeded`
 */
export async function readJson(
  request: IncomingMessage,
  limits: BodyLimits,
  share: { readonly of: ParseShare; readonly tenantId: TenantId },
): Promise<unknown> {
  const bytes = await readBytes(request, limits);
  const { of, tenantId } = share;
  return bytes.length < SHARED_FROM_BYTES ? parseBody(bytes) : of.run(tenantId, () => parseBody(bytes));
}

function parseBody(bytes: Buffer): object {
  if (!isUtf8(bytes)) throw new CaissonError('invalid_utf8', { field: 'body' });
  if (bytes.length === 0) throw new CaissonError('malformed_json', { problem: 'is empty' });
  const scanner = new JsonScanner(SCAN_LIMITS);
  scanner.write(bytes);
  const problem = scanner.end();
  if (problem === 'too_many_values') {
    invalid('body', `must not hold more than ${MAX_VALUES} values and keys`);
  }
  const suspicious = scanner.deepest > MAX_DEPTH || UNSAFE_TEXTS.some((text) => bytes.includes(text));
  const isLarge = bytes.length >= SHARED_FROM_BYTES;
  const event = isLarge && !suspicious && problem === undefined ? findEvent(bytes) : undefined;
  const value = event === undefined ? parse(bytes.toString('utf8')) : parseAround(bytes, event);
  if (!isObject(value) || Array.isArray(value)) invalid('body', 'must be a JSON object');
  // Only if needed: the traversal takes longer than everything before it.
  if (suspicious) refuseUnsafe(value);
  return value;
}

/** Position of `event`, which only the code in the sandbox reads: it is passed on as text and not parsed here. */
function findEvent(bytes: Buffer): Span | undefined {
  if (bytes[0] !== OPEN_BRACE) return undefined;
  const event = findMember(bytes, 'event');
  return event === undefined || bytes.subarray(event.start, event.end).includes('\n') ? undefined : event;
}

function parseAround(bytes: Buffer, { start, end }: Span): unknown {
  const around = Buffer.concat([bytes.subarray(0, start), Buffer.from('null'), bytes.subarray(end)]);
  return {
    ...(parse(around.toString()) as object),
    event: embedded(bytes.toString('utf8', start, end) as JsonText),
  };
}

function readBytes(request: IncomingMessage, { bytes: limitBytes, timeoutMs }: BodyLimits): Promise<Buffer> {
  if (Number(request.headers['content-length']) > limitBytes) {
    return Promise.reject(new CaissonError('body_too_large', { limitBytes }));
  }
  return new Promise((resolve, reject) => {
    const chunks: Buffer[] = [];
    let length = 0;
    const settle = (act: () => void) => {
      clearTimeout(timer);
      request.off('data', onData).off('end', onEnd).off('error', onGone).off('close', onGone);
      act();
    };
    const fail = (error: CaissonError) => {
      settle(() => {
        reject(error);
      });
    };
    const timer = setTimeout(() => {
      fail(new CaissonError('malformed_json', { problem: `did not arrive within ${timeoutMs} ms` }));
    }, timeoutMs).unref();
    const onData = (chunk: Buffer) => {
      length += chunk.length;
      if (length > limitBytes) fail(new CaissonError('body_too_large', { limitBytes }));
      else chunks.push(chunk);
    };
    const onEnd = () => {
      settle(() => {
        resolve(chunks.length === 1 && chunks[0] !== undefined ? chunks[0] : Buffer.concat(chunks, length));
      });
    };
    const onGone = () => {
      fail(new CaissonError('malformed_json', { problem: 'ended early' }));
    };
    request.on('data', onData).on('end', onEnd).on('error', onGone).on('close', onGone);
  });
}

function parse(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch (cause) {
    // The parser's message quotes the text, which may be code or contain secrets: only the position goes into the error.
    const position =
      cause instanceof SyntaxError ? /at position \d+|line \d+ column \d+/.exec(cause.message) : null;
    throw new CaissonError('malformed_json', {
      problem: `is not valid JSON${position ? ` ${position[0]}` : ''}`,
    });
  }
}

/** Refuses values that are dangerous to traverse or copy: deep nesting, and keys that set a prototype. */
function refuseUnsafe(root: object): void {
  let level: { value: object; field: string }[] = [{ value: root, field: '' }];
  for (let depth = 1; level.length > 0; depth += 1) {
    if (depth > MAX_DEPTH)
      invalid(level[0]?.field ?? 'body', `must not be nested deeper than ${MAX_DEPTH} levels`);
    const next: { value: object; field: string }[] = [];
    for (const { value, field } of level) {
      if (Object.hasOwn(value, '__proto__')) invalid(field || 'body', 'must not have a key "__proto__"');
      for (const [key, child] of Object.entries(value)) {
        // The first key is enough to name the field, and keeps the message short.
        if (isObject(child)) next.push({ value: child, field: field || key });
      }
    }
    level = next;
  }
}

function isObject(value: unknown): value is object {
  return typeof value === 'object' && value !== null;
}

function invalid(field: string, message: string): never {
  throw new CaissonError('validation_failed', { fields: [{ field: field.slice(0, 100), message }] });
}
