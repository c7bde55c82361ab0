import { lstat, opendir, type FileHandle } from 'node:fs/promises';
import { setImmediate } from 'node:timers/promises';
import type { WorkspacePath } from '@caisson/protocol/api';
import { bytesOfName, nameOfBytes, type FileEntry } from '@caisson/protocol/ports';
import { pathAt, pathOf } from './descriptor.ts';
import { entryOf } from './entry.ts';
import { isSystemError, systemError } from './file-errors.ts';

/** Read at once, in well under a millisecond, before other work gets a turn. */
const CHUNK_ENTRIES = 256;
/** A directory that grows as fast as it is read would never end. */
const MAX_SCANNED_ENTRIES = 5_000_000;
/** Rounds that fill up a page after entries vanished between the reading of their names and of their details. */
const MAX_ROUNDS = 8;

interface Page {
  readonly after: string;
  readonly limit: number;
}

/** The bytes of a name as characters U+0000 to U+00FF: cheaper than a buffer, and sorted as the bytes are. */
type RawName = string;

/**
 * At most `page.limit` entries of `directory` after `page.after`, sorted by the bytes of their names. Memory use depends on
 * the page, not on the directory. Reads in small chunks so that other work gets its turn.
 */
export async function listDirectory(
  directory: FileHandle,
  path: WorkspacePath,
  page: Page,
  signal: AbortSignal,
): Promise<FileEntry[]> {
  const entries: FileEntry[] = [];
  let after: RawName = Buffer.from(bytesOfName(page.after)).toString('latin1');
  for (let round = 0; round < MAX_ROUNDS && entries.length < page.limit; round++) {
    const limit = page.limit - entries.length;
    const names = await firstNames(directory, after, limit, signal);
    for (const name of names) {
      signal.throwIfAborted();
      const entry = await entryAt(directory, name, path);
      if (entry !== undefined) entries.push(entry);
    }
    if (names.length < limit) break;
    after = names.at(-1) ?? after;
  }
  return entries;
}

async function firstNames(
  directory: FileHandle,
  after: RawName,
  limit: number,
  signal: AbortSignal,
): Promise<RawName[]> {
  let kept: RawName[] = [];
  /** Once there are enough names, greater ones are skipped. */
  let greatest: RawName | undefined;
  let scanned = 0;
  const options = { encoding: 'latin1', bufferSize: CHUNK_ENTRIES } as const;
  for await (const { name } of await opendir(pathOf(directory), options)) {
    if (++scanned % CHUNK_ENTRIES === 0) {
      await setImmediate();
      signal.throwIfAborted();
      if (scanned > MAX_SCANNED_ENTRIES) throw systemError('EBUSY', 'the directory does not end');
    }
    if (name <= after || (greatest !== undefined && name >= greatest)) continue;
    kept.push(name);
    if (kept.length >= 2 * limit + CHUNK_ENTRIES) {
      kept = kept.sort(byCodeUnits).slice(0, limit);
      greatest = kept.at(-1);
    }
  }
  return kept.sort(byCodeUnits).slice(0, limit);
}

function byCodeUnits(one: RawName, other: RawName): number {
  return one < other ? -1 : Number(one > other);
}

async function entryAt(
  directory: FileHandle,
  rawName: RawName,
  parent: WorkspacePath,
): Promise<FileEntry | undefined> {
  const bytes = Buffer.from(rawName, 'latin1');
  try {
    const stats = await lstat(pathAt(directory, bytes));
    const name = nameOfBytes(bytes);
    return entryOf((parent === '' ? name : `${parent}/${name}`) as WorkspacePath, stats);
  } catch (error) {
    if (isSystemError(error, 'ENOENT')) return undefined;
    throw error;
  }
}
