import { readlink, type FileHandle } from 'node:fs/promises';
import { CaissonError, type WorkspacePath, WORKSPACE_DIRECTORY } from '@caisson/protocol/api';
import { bytesOfName } from '@caisson/protocol/ports';
import { pathAt, pin, pinDirectory, type FileName } from './descriptor.ts';
import { isSystemError, systemError } from './file-errors.ts';

/** The limit of Linux. */
const MAX_LINKS = 40;
/** Limits the cost of one path: one step for each component, and for `..` in a link as many as its parent is deep. */
const MAX_STEPS = 4000;
const WORKSPACE_NAME = WORKSPACE_DIRECTORY.slice(1);

/** Where walks begin, and whether they make missing directories. */
export interface Start {
  openRoot(): Promise<FileHandle>;
  /** Makes the directory `name` in `parent`; without it a missing one is an error. */
  makeDirectory?(parent: FileHandle, name: FileName): Promise<void>;
}

/**
 * Pins the entry at `path`, following a link in the last component too. Each component is opened by itself, relative to the
 * pinned directory before it, and links are resolved here: whatever is swapped for a link during the walk, it cannot leave
 * the workspace. A link to `/workspace/…` means the workspace, as it does inside the sandbox.
 * @throws CaissonError `path_outside_workspace`; system errors, ELOOP also for a path that costs too much
 */
export async function walk(start: Start, path: WorkspacePath, signal: AbortSignal): Promise<FileHandle> {
  await using position = new Position(start, path);
  await position.enterRoot();
  const pending = componentsOf(Buffer.from(bytesOfName(path))).reverse();
  let links = 0;
  for (let component = pending.pop(); component !== undefined; component = pending.pop()) {
    signal.throwIfAborted();
    const target = await position.enter(component);
    if (target === undefined) continue;
    if (++links > MAX_LINKS) throw systemError('ELOOP', 'too many links');
    if (target.toString('latin1').startsWith('/')) await position.leaveToTop();
    pending.push(...componentsOf(target).reverse());
  }
  return position.take();
}

function componentsOf(path: Buffer): FileName[] {
  return path
    .toString('latin1')
    .split('/')
    .filter((component) => component !== '' && component !== '.')
    .map((component) => Buffer.from(component, 'latin1'));
}

async function targetOf(parent: FileHandle, name: FileName): Promise<Buffer> {
  try {
    return await readlink(pathAt(parent, name), { encoding: 'buffer' });
  } catch (error) {
    if (isSystemError(error, 'EINVAL')) throw systemError('EBUSY', 'it was a link a moment ago');
    throw error;
  }
}

/** The position of a walk: the names from the sandbox's `/` on, and the pinned entry they lead to. */
class Position implements AsyncDisposable {
  readonly #start: Start;
  readonly #path: WorkspacePath;
  /** Empty at `/`, whose only entry is `workspace`; else `workspace` and the names below it. */
  #names: FileName[] = [];
  #handle: FileHandle | undefined;
  #steps = 0;

  constructor(start: Start, path: WorkspacePath) {
    this.#start = start;
    this.#path = path;
  }

  async enterRoot(): Promise<void> {
    await this.#replace(await this.#start.openRoot(), [Buffer.from(WORKSPACE_NAME)]);
  }

  async leaveToTop(): Promise<void> {
    await this.#replace(undefined, []);
  }

  /** Goes to `name`; if that is a link, stays and returns its target. */
  async enter(name: FileName): Promise<Buffer | undefined> {
    const text = name.toString('latin1');
    if (text === '..') {
      await this.#leave();
      return undefined;
    }
    if (this.#handle === undefined) {
      if (text !== WORKSPACE_NAME) throw this.#outside();
      await this.enterRoot();
      return undefined;
    }
    return this.#enterBelow(this.#handle, name);
  }

  async #enterBelow(parent: FileHandle, name: FileName): Promise<Buffer | undefined> {
    this.#spendStep();
    await using stack = new AsyncDisposableStack();
    const entry = stack.use(await this.#pin(parent, name));
    if ((await entry.stat()).isSymbolicLink()) {
      return await targetOf(parent, name);
    }
    stack.move();
    await this.#replace(entry, [...this.#names, name]);
    return undefined;
  }

  async #pin(parent: FileHandle, name: FileName): Promise<FileHandle> {
    try {
      return await pin(parent, name);
    } catch (error) {
      if (this.#start.makeDirectory === undefined || !isSystemError(error, 'ENOENT')) throw error;
      await this.#start.makeDirectory(parent, name);
      return await pinDirectory(parent, name);
    }
  }

  /** Goes to the parent, from the root down: the kernel's own `..` would follow a directory that was moved meanwhile. */
  async #leave(): Promise<void> {
    const names = this.#names.slice(0, -1);
    if (names.length === 0) {
      await this.leaveToTop();
      return;
    }
    await this.enterRoot();
    for (const name of names.slice(1)) {
      this.#spendStep();
      if (this.#handle === undefined) throw this.#outside();
      await this.#replace(await pinDirectory(this.#handle, name), [...this.#names, name]);
    }
  }

  /** Hands over the entry that was reached. */
  take(): FileHandle {
    const handle = this.#handle;
    if (handle === undefined) throw this.#outside();
    this.#handle = undefined;
    return handle;
  }

  async #replace(handle: FileHandle | undefined, names: FileName[]): Promise<void> {
    const before = this.#handle;
    this.#handle = handle;
    this.#names = names;
    await before?.close();
  }

  #spendStep(): void {
    if (++this.#steps > MAX_STEPS) throw systemError('ELOOP', 'too many components');
  }

  #outside(): CaissonError {
    return new CaissonError('path_outside_workspace', { path: this.#path });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#replace(undefined, []);
  }
}
