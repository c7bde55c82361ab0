import {
  jsonTextOf,
  type CodeError,
  type JsonText,
  type JsonValue,
  type MimeBundle,
} from '@caisson/protocol';

/** What a kernel says. `kernels/README.md` describes the wire. */
export type KernelFrame = { readonly type: 'ready' } | ResultFrame | DoneFrame;

export interface ResultFrame {
  readonly type: 'result';
  readonly bundle: MimeBundle;
}

export interface DoneFrame {
  readonly type: 'done';
  readonly exitCode: number;
  readonly error: CodeError | null;
  readonly returnValue: JsonText | undefined;
}

/** Deeper values overflow the stack of what writes them as JSON later. */
const MAX_DEPTH = 1000;
const MAX_NAME_CHARACTERS = 256;
const MAX_MESSAGE_CHARACTERS = 64 * 1024;
const MAX_TRACEBACK_ENTRIES = 200;

/** The frame that a line holds; `undefined` where it holds none: a kernel is not to be trusted. */
export function parseKernelFrame(line: string): KernelFrame | undefined {
  let frame: unknown;
  try {
    frame = JSON.parse(line);
  } catch {
    return undefined;
  }
  if (!isRecord(frame) || !isShallow(frame, MAX_DEPTH)) return undefined;
  switch (frame['type']) {
    case 'ready':
      return { type: 'ready' };
    case 'result':
      return isRecord(frame['bundle'])
        ? { type: 'result', bundle: jsonTextOf(frame['bundle'] as JsonValue) }
        : undefined;
    case 'done':
      return parseDone(frame);
    default:
      return undefined;
  }
}

function parseDone(frame: Record<string, unknown>): DoneFrame | undefined {
  const exitCode = frame['exit_code'];
  if (typeof exitCode !== 'number' || !Number.isInteger(exitCode) || exitCode < 0 || exitCode > 255) {
    return undefined;
  }
  const error = parseError(frame['error']);
  if (error === undefined) return undefined;
  const value = frame['return_value'] as JsonValue | undefined;
  return { type: 'done', exitCode, error, returnValue: value === undefined ? undefined : jsonTextOf(value) };
}

function parseError(error: unknown): CodeError | null | undefined {
  if (error === null || error === undefined) return null;
  if (!isRecord(error)) return undefined;
  const { name, message, traceback } = error;
  if (typeof name !== 'string' || typeof message !== 'string' || !Array.isArray(traceback)) return undefined;
  const lines: unknown[] = traceback;
  return {
    name: bounded(name, MAX_NAME_CHARACTERS),
    message: bounded(message, MAX_MESSAGE_CHARACTERS),
    traceback: lines
      .slice(0, MAX_TRACEBACK_ENTRIES)
      .map((line) => bounded(String(line), MAX_MESSAGE_CHARACTERS)),
  };
}

function bounded(text: string, maxCharacters: number): string {
  return text.slice(0, maxCharacters).toWellFormed();
}

function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

function isShallow(value: unknown, depth: number): boolean {
  if (typeof value !== 'object' || value === null) return true;
  return depth > 0 && Object.values(value).every((inner) => isShallow(inner, depth - 1));
}
