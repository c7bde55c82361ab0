import { constants } from 'node:fs';
import { open, type FileHandle } from 'node:fs/promises';

/** Of Linux; Node has no name for it. Such a descriptor pins a file without opening it: nothing blocks, no driver is asked. */
const O_PATH = 0o10000000;
const { O_DIRECTORY, O_NOFOLLOW } = constants;

/** One component of a path, as the kernel has it: bytes, which need not be UTF-8. */
export type FileName = Buffer;

/** A path that means what `handle` pins, wherever it has been moved since. */
export function pathOf(handle: FileHandle): string {
  return `/proc/self/fd/${handle.fd}`;
}

/**
 * A path of the entry `name` in the directory that `directory` pins. Calls that follow links must not be given it.
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

/** Pins the entry itself, be it a link, a pipe or a device, without opening it. */
export async function pin(directory: FileHandle, name: FileName): Promise<FileHandle> {
  return open(pathAt(directory, name), O_PATH | O_NOFOLLOW);
}

/** Pins a directory; fails with ENOTDIR for anything else, links included. */
export async function pinDirectory(directory: FileHandle, name: FileName): Promise<FileHandle> {
  return open(pathAt(directory, name), O_PATH | O_NOFOLLOW | O_DIRECTORY);
}

/** Pins the directory at a path of the host's own. */
export async function pinHostDirectory(path: string): Promise<FileHandle> {
  return open(path, O_PATH | O_DIRECTORY);
}
