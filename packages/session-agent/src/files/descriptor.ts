import { constants } from 'node:fs';
import { open, type FileHandle } from 'node:fs/promises';

/** Node has no name for it. Such a descriptor pins a file without opening it: nothing blocks, and no driver is asked. */
const O_PATH = 0o10000000;
const { O_DIRECTORY, O_NOFOLLOW } = constants;

/** One component of a path: bytes, which need not be UTF-8. */
export type FileName = Buffer;

/** A path to what `handle` pins, even after it has been moved. */
export function pathOf(handle: FileHandle): string {
  return `/proc/self/fd/${handle.fd}`;
}

/**
 * A path to the entry `name` in the pinned `directory`. Not for calls that follow links.
 * @throws TypeError if `name` is not a single component
 */
export function pathAt(directory: FileHandle, name: FileName): Buffer {
  if (!isSingleComponent(name)) throw new TypeError('a file name must be a single component');
  return Buffer.concat([Buffer.from(`${pathOf(directory)}/`), name]);
}

function isSingleComponent(name: FileName): boolean {
  const text = name.toString('latin1');
  return text !== '' && text !== '.' && text !== '..' && !/[/\0]/.test(text);
}

/** Pins the entry itself, even a link, pipe or device, without opening it. */
export async function pin(directory: FileHandle, name: FileName): Promise<FileHandle> {
  return open(pathAt(directory, name), O_PATH | O_NOFOLLOW);
}

/** Pins a directory; fails with ENOTDIR for anything else, links included. */
export async function pinDirectory(directory: FileHandle, name: FileName): Promise<FileHandle> {
  return open(pathAt(directory, name), O_PATH | O_NOFOLLOW | O_DIRECTORY);
}

/** Pins a directory by a trusted path of the host. */
export async function pinHostDirectory(path: string): Promise<FileHandle> {
  return open(path, O_PATH | O_DIRECTORY);
}
