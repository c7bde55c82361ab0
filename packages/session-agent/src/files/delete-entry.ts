import { randomBytes } from 'node:crypto';
import { opendir, rename, rmdir, unlink, type FileHandle } from 'node:fs/promises';
import { pathAt, pathOf, pinDirectory, type FileName } from './descriptor.ts';
import { isSystemError, systemError } from './file-errors.ts';
import type { EntryLocation } from './location.ts';

const READ_AHEAD_ENTRIES = 256;
/** A tree that grows as fast as it is deleted would never end. */
const MAX_CALLS = 20_000_000;
/** Retries for a directory that looks empty but is not, or that keeps changing between file and directory. */
const MAX_FRUITLESS_ROUNDS = 100;

/**
 * Deletes the entry at `location`, a directory with everything in it, without following links. Three descriptors are enough
 * for a tree of any depth: directories below a subdirectory are moved up into the directory that is being deleted.
 * @throws system errors; EBUSY if the tree changes faster than it can be deleted
 */
export async function deleteEntry({ parent, name }: EntryLocation, signal: AbortSignal): Promise<void> {
  const budget = new Budget(signal);
  if ((await remove(parent, name, budget)) !== 'full') return;
  for (;;) {
    const before = budget.removed;
    await emptyAt(parent, name, budget);
    if ((await removeIfThere(parent, name, budget)) !== 'full') return;
    if (budget.removed === before) budget.spendFruitlessRound();
  }
}

async function emptyAt(parent: FileHandle, name: FileName, budget: Budget): Promise<void> {
  await using directory = await pinIfDirectory(parent, name);
  if (directory === undefined) return;
  const top = directory;
  for await (const child of entriesIn(top)) {
    if ((await removeIfThere(top, child.name, budget, child.type)) !== 'full') continue;
    await using subdirectory = await pinIfDirectory(top, child.name);
    if (subdirectory === undefined) continue;
    for await (const { name: grandchild, type } of entriesIn(subdirectory)) {
      if ((await removeIfThere(subdirectory, grandchild, budget, type)) !== 'full') continue;
      await moveUp(subdirectory, grandchild, top, budget);
    }
    await removeIfThere(top, child.name, budget, 'directory');
  }
}

type Removal = 'gone' | 'full';

/** The type of an entry when its directory was read: only a hint about which call to try first. */
type EntryType = 'directory' | 'other';

/** Removes one entry; `full` means a directory that is not empty. */
async function remove(
  parent: FileHandle,
  name: FileName,
  budget: Budget,
  type: EntryType = 'other',
): Promise<Removal> {
  budget.spendCall();
  const path = pathAt(parent, name);
  try {
    await (type === 'directory' ? rmdir(path) : unlink(path));
  } catch (error) {
    if (type === 'directory' && isSystemError(error, 'ENOTEMPTY')) return 'full';
    if (!isSystemError(error, 'EISDIR', 'ENOTDIR')) throw error;
    try {
      await (type === 'directory' ? unlink(path) : rmdir(path));
    } catch (secondError) {
      if (isSystemError(secondError, 'ENOTEMPTY', 'ENOTDIR', 'EISDIR')) return 'full';
      throw secondError;
    }
  }
  budget.countRemoval();
  return 'gone';
}

async function removeIfThere(
  parent: FileHandle,
  name: FileName,
  budget: Budget,
  type: EntryType = 'other',
): Promise<Removal> {
  try {
    return await remove(parent, name, budget, type);
  } catch (error) {
    if (isSystemError(error, 'ENOENT')) return 'gone';
    throw error;
  }
}

async function moveUp(from: FileHandle, name: FileName, to: FileHandle, budget: Budget): Promise<void> {
  try {
    await rename(pathAt(from, name), pathAt(to, budget.freshName()));
    budget.countRemoval();
  } catch (error) {
    // An entry that was moved or replaced meanwhile is found again in the next round if it is still below.
    if (!isSystemError(error, 'ENOENT', 'EINVAL', 'ENOTEMPTY', 'EXDEV')) throw error;
  }
}

async function pinIfDirectory(parent: FileHandle, name: FileName): Promise<FileHandle | undefined> {
  try {
    return await pinDirectory(parent, name);
  } catch (error) {
    if (isSystemError(error, 'ENOENT', 'ENOTDIR', 'ELOOP')) return undefined;
    throw error;
  }
}

async function* entriesIn(directory: FileHandle): AsyncGenerator<{ name: FileName; type: EntryType }> {
  const options = { encoding: 'latin1', bufferSize: READ_AHEAD_ENTRIES } as const;
  for await (const entry of await opendir(pathOf(directory), options)) {
    yield { name: Buffer.from(entry.name, 'latin1'), type: entry.isDirectory() ? 'directory' : 'other' };
  }
}

/** Limits the work of one deletion, and makes its temporary names. */
class Budget {
  readonly #signal: AbortSignal;
  readonly #prefix = `.caisson-${randomBytes(16).toString('hex')}`;
  #calls = 0;
  #fruitlessRounds = 0;
  #names = 0;
  removed = 0;

  constructor(signal: AbortSignal) {
    this.#signal = signal;
  }

  spendCall(): void {
    this.#signal.throwIfAborted();
    if (++this.#calls > MAX_CALLS) throw systemError('EBUSY', 'the tree does not end');
  }

  spendFruitlessRound(): void {
    if (++this.#fruitlessRounds > MAX_FRUITLESS_ROUNDS) throw systemError('EBUSY', 'the tree keeps changing');
  }

  countRemoval(): void {
    this.removed++;
  }

  freshName(): FileName {
    return Buffer.from(`${this.#prefix}-${++this.#names}`);
  }
}
