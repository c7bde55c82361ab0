import { closeSync, constants, openSync, readSync, writeSync } from 'node:fs';

/** More than any file has that counts something; the kernel tells each whole in one read. */
const MAX_FILE_BYTES = 16 * 1024;
/** Of all: what is read is text before anything else is read. */
const BUFFER = Buffer.allocUnsafeSlow(MAX_FILE_BYTES);

/** Path of the file `name` of `controller`; `undefined` where there is no such controller. */
export type LocateCgroupFile = (controller: string, name: string) => string | undefined;

/**
 * The files of a cgroup that one job or step after another asks for: each stays open from its first use on. To walk to such a
 * file by its path costs several times what the kernel needs to tell what is in it.
 */
export class CgroupFiles implements Disposable {
  readonly #locate: LocateCgroupFile;
  readonly #readable = new Map<string, number>();
  readonly #writable = new Map<string, number>();
  #disposed = false;

  constructor(locate: LocateCgroupFile) {
    this.#locate = locate;
  }

  /** Text of the file; `undefined` where there is none. */
  read(controller: string, name: string): string | undefined {
    try {
      const fd = this.#open(this.#readable, controller, name, constants.O_RDONLY);
      if (fd === undefined) return undefined;
      return BUFFER.toString('latin1', 0, readSync(fd, BUFFER, 0, MAX_FILE_BYTES, 0));
    } catch (error) {
      if (isCgroupGone(error)) return undefined;
      throw error;
    }
  }

  /** Says whether there was such a file that takes the value. */
  write(controller: string, name: string, value: string): boolean {
    try {
      const fd = this.#open(this.#writable, controller, name, constants.O_WRONLY);
      if (fd === undefined) return false;
      writeSync(fd, value, 0);
      return true;
    } catch (error) {
      if (isCgroupGone(error) || isValueRefused(error)) return false;
      throw error;
    }
  }

  /** Closes all. Whoever measures still finds nothing more: the numbers of the descriptors may be others' by now. */
  [Symbol.dispose](): void {
    this.#disposed = true;
    for (const opened of [this.#readable, this.#writable]) {
      for (const fd of opened.values()) closeSync(fd);
      opened.clear();
    }
  }

  #open(opened: Map<string, number>, controller: string, name: string, flags: number): number | undefined {
    if (this.#disposed) return undefined;
    const known = opened.get(name);
    if (known !== undefined) return known;
    const path = this.#locate(controller, name);
    if (path === undefined) return undefined;
    const fd = openSync(path, flags);
    opened.set(name, fd);
    return fd;
  }
}

/** ENODEV: the cgroup was removed while its file was open. */
export function isCgroupGone(error: unknown): boolean {
  return ['ENOENT', 'ENODEV'].includes((error as NodeJS.ErrnoException).code ?? '');
}

/** The kernel does not take the value. */
export function isValueRefused(error: unknown): boolean {
  return ['EINVAL', 'EACCES', 'EPERM', 'EBUSY', 'ENOTSUP'].includes(
    (error as NodeJS.ErrnoException).code ?? '',
  );
}

/** Value of `key` in a file of lines `key value`; 0 where there is none. */
export function statValue(text: string | undefined, key: string): number {
  const line = text?.split('\n').find((candidate) => candidate.startsWith(`${key} `));
  return line === undefined ? 0 : Number(line.slice(key.length + 1));
}

/** The limit that a file holds; infinite where it holds none, or is not there. */
export function limitValue(text: string | undefined): number {
  const value = Number(text?.trim());
  return Number.isNaN(value) ? Infinity : value;
}
