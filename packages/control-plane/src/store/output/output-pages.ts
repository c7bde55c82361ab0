import type { JsonText, OutputEvent } from '@caisson/protocol/ports';

/** A page ends with the event that exceeds this size, so each reader needs about this much memory. */
const PAGE_BYTES = 64 * 1024;
/** A single page up to this size is stored in the row of its execution, which saves most jobs a row in another table. */
export const MAX_INLINE_BYTES = 1024;
/** A longer return value is stored in pages, in parts of this many characters, instead of the row. */
export const MAX_INLINE_CHARACTERS = 16 * 1024;
/** Type and length. */
const HEADER_BYTES = 5;

/** Type numbers of items; existing databases contain them. */
const TYPES = {
  stdout: 1,
  stderr: 2,
  result: 3,
  stdout_truncated: 4,
  stderr_truncated: 5,
  kernel_restarted: 6,
  return_value: 7,
} as const;
type Type = (typeof TYPES)[keyof typeof TYPES];

/** A page of an execution's output: its events in order, then parts of the return value. */
export interface OutputPage {
  readonly page: number;
  /** Number of events on the previous pages. */
  readonly firstEvent: number;
  /** Items in sequence: type (1 byte), length (4 bytes, little-endian), that many bytes of UTF-8. */
  readonly items: Uint8Array;
}

interface Item {
  readonly type: Type;
  readonly text: string;
  readonly bytes: number;
}

/** Encodes an output in pages; none if it is empty. */
export function encodePages(events: readonly OutputEvent[], returnValue: JsonText | null): OutputPage[] {
  const pages: OutputPage[] = [];
  let items: Item[] = [];
  let bytes = 0;
  let firstEvent = 0;
  const endPage = () => {
    pages.push({ page: pages.length, firstEvent, items: encoded(items, bytes) });
    firstEvent += items.filter(({ type }) => type !== TYPES.return_value).length;
    items = [];
    bytes = 0;
  };
  const add = (type: Type, text: string) => {
    const item = { type, text, bytes: Buffer.byteLength(text) };
    items.push(item);
    bytes += HEADER_BYTES + item.bytes;
    if (bytes >= PAGE_BYTES) endPage();
  };
  for (const event of events) add(typeOf(event), textOf(event));
  if (returnValue !== null) for (const part of partsOf(returnValue)) add(TYPES.return_value, part);
  if (items.length > 0) endPage();
  return pages;
}

export interface DecodedPage {
  readonly firstEvent: number;
  readonly events: readonly OutputEvent[];
  /** The part of the return value that is on this page. */
  readonly returnValue: string;
}

export function decodePage({ firstEvent, items }: Pick<OutputPage, 'firstEvent' | 'items'>): DecodedPage {
  const bytes = Buffer.from(items.buffer, items.byteOffset, items.byteLength);
  const events: OutputEvent[] = [];
  let returnValue = '';
  for (let at = 0; at < bytes.length;) {
    const type = bytes.readUInt8(at);
    const start = at + HEADER_BYTES;
    at = start + bytes.readUInt32LE(at + 1);
    const text = bytes.toString('utf8', start, at);
    if (type === TYPES.return_value) returnValue += text;
    else events.push(eventOf(type, text));
  }
  return { firstEvent, events, returnValue };
}

function encoded(items: readonly Item[], length: number): Buffer {
  const page = Buffer.allocUnsafe(length);
  let at = 0;
  for (const { type, text, bytes } of items) {
    page.writeUInt8(type, at);
    page.writeUInt32LE(bytes, at + 1);
    page.write(text, at + HEADER_BYTES);
    at += HEADER_BYTES + bytes;
  }
  return page;
}

function typeOf(event: OutputEvent): Type {
  if (event.type !== 'truncated') return TYPES[event.type];
  return event.stream === 'stdout' ? TYPES.stdout_truncated : TYPES.stderr_truncated;
}

function textOf(event: OutputEvent): string {
  if ('text' in event) return event.text;
  return event.type === 'result' ? event.bundle : '';
}

function eventOf(type: number, text: string): OutputEvent {
  switch (type) {
    case TYPES.stdout:
      return { type: 'stdout', text };
    case TYPES.stderr:
      return { type: 'stderr', text };
    case TYPES.result:
      return { type: 'result', bundle: text as JsonText };
    case TYPES.stdout_truncated:
      return { type: 'truncated', stream: 'stdout' };
    case TYPES.stderr_truncated:
      return { type: 'truncated', stream: 'stderr' };
    case TYPES.kernel_restarted:
      return { type: 'kernel_restarted' };
    default:
      throw new Error(`output of the unknown type ${type} is on record`);
  }
}

function* partsOf(text: string): Generator<string> {
  for (let at = 0; at < text.length;) {
    let end = Math.min(at + MAX_INLINE_CHARACTERS, text.length);
    // Surrogate pairs are not split.
    if (end < text.length && isHighSurrogate(text.charCodeAt(end - 1))) end -= 1;
    yield text.slice(at, end);
    at = end;
  }
}

function isHighSurrogate(unit: number): boolean {
  return unit >= 0xd800 && unit <= 0xdbff;
}
