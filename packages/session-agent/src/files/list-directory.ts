import { lstat, opendir, type FileHandle } from 'node:fs/promises';
import type { FileEntry, WorkspacePath } from '@caisson/protocol';
import { pathAt, pathOf, type FileName } from './descriptor.ts';
import { entryOf } from './entry.ts';
import { isSystemError, systemError } from './file-errors.ts';

/** Read at once; so many that 100,000 take a hundred calls. */
const READ_AHEAD_ENTRIES = 1024;
/** A directory that grows as fast as it is read would never end. */
const MAX_SCANNED_ENTRIES = 5_000_000;
/** How often a page is filled up for entries that vanished between their name and their turn. */
const MAX_ROUNDS = 8;

interface Page {
  readonly after: string;
  readonly limit: number;
}

interface Candidate {
  readonly name: FileName;
  /** The name as text; bytes that are not UTF-8 are replaced, so that two names can look the same. */
  readonly text: string;
}

/**
 * The entries of `directory` after `page.after` in the order of their names' UTF-16 units, `page.limit` at most. Takes
 * memory for the page only, however many entries there are.
 */
export async function listDirectory(
  directory: FileHandle,
  path: WorkspacePath,
  page: Page,
  signal: AbortSignal,
): Promise<FileEntry[]> {
  const entries: FileEntry[] = [];
  let { after } = page;
  for (let round = 0; round < MAX_ROUNDS && entries.length < page.limit; round++) {
    const limit = page.limit - entries.length;
    const candidates = await firstNames(directory, { after, limit }, signal);
    for (const candidate of candidates) {
      const entry = await entryAt(directory, candidate, path);
      if (entry !== undefined) entries.push(entry);
    }
    if (candidates.length < limit) break;
    after = candidates.at(-1)?.text ?? after;
  }
  return entries;
}

async function firstNames(directory: FileHandle, page: Page, signal: AbortSignal): Promise<Candidate[]> {
  const { after, limit } = page;
  let kept: Candidate[] = [];
  let scanned = 0;
  const options = { encoding: 'buffer' as BufferEncoding, bufferSize: READ_AHEAD_ENTRIES };
  for await (const entry of await opendir(pathOf(directory), options)) {
    signal.throwIfAborted();
    if (++scanned > MAX_SCANNED_ENTRIES) throw systemError('EBUSY', 'the directory does not end');
    const name = entry.name as unknown as Buffer;
    const text = name.toString();
    if (text > after) kept.push({ name, text });
    if (kept.length >= 2 * limit + READ_AHEAD_ENTRIES) kept = smallest(kept, limit);
  }
  return smallest(kept, limit);
}

function smallest(candidates: Candidate[], limit: number): Candidate[] {
  return candidates.sort((a, b) => (a.text < b.text ? -1 : Number(a.text > b.text))).slice(0, limit);
}

async function entryAt(
  directory: FileHandle,
  { name, text }: Candidate,
  parent: WorkspacePath,
): Promise<FileEntry | undefined> {
  try {
    const stats = await lstat(pathAt(directory, name));
    return entryOf((parent === '' ? text : `${parent}/${text}`) as WorkspacePath, stats);
  } catch (error) {
    if (isSystemError(error, 'ENOENT')) return undefined;
    throw error;
  }
}
