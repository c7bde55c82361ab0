import { findJsonProblem, type CodeError } from '@caisson/protocol/ports';

/** A message of a kernel, see `kernels/README.md`. Values are not part of a frame. */
export type KernelFrame = { readonly type: 'ready' } | DoneFrame;

export interface DoneFrame {
  readonly type: 'done';
  readonly exitCode: number;
  readonly error: CodeError | null;
}

/** Enough for an error with its traceback, the largest content of a frame. */
const LIMITS = { maxDepth: 3, maxValues: 1000, lineBreaks: false };
const MAX_NAME_CHARACTERS = 256;
const MAX_MESSAGE_CHARACTERS = 64 * 1024;
const MAX_TRACEBACK_ENTRIES = 200;

/** Parses a line; `undefined` if it is not a frame, for kernels are not trusted. */
export function parseKernelFrame(line: Buffer): KernelFrame | undefined {
  if (findJsonProblem(line, LIMITS) !== undefined) return undefined;
  const frame = JSON.parse(line.toString()) as unknown;
  if (!isRecord(frame)) return undefined;
  switch (frame['type']) {
    case 'ready':
      return { type: 'ready' };
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
  return error === undefined ? undefined : { type: 'done', exitCode, error };
}

function parseError(error: unknown): CodeError | null | undefined {
  if (error === null || error === undefined) return null;
  if (!isRecord(error)) return undefined;
  const { name, message, traceback } = error;
  if (typeof name !== 'string' || typeof message !== 'string' || !isTexts(traceback)) return undefined;
  return {
    name: bounded(name, MAX_NAME_CHARACTERS),
    message: bounded(message, MAX_MESSAGE_CHARACTERS),
    traceback: traceback.slice(0, MAX_TRACEBACK_ENTRIES).map((line) => bounded(line, MAX_MESSAGE_CHARACTERS)),
  };
}

function bounded(text: string, maxCharacters: number): string {
  return text.slice(0, maxCharacters).toWellFormed();
}

function isTexts(value: unknown): value is string[] {
  return Array.isArray(value) && value.every((line) => typeof line === 'string');
}

function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
