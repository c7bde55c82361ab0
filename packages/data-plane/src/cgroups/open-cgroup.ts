import { closeSync, constants, openSync, readSync, writeSync } from 'node:fs';
import { isGone, isRefused } from './cgroup.ts';
import type { Cgroup, CgroupFiles } from './cgroup.ts';

/** More than any file has that counts something; the kernel tells each whole in one read. */
const MAX_FILE_BYTES = 16 * 1024;
/** Of all: what is read is text before anything else is read. */
const BUFFER = Buffer.allocUnsafeSlow(MAX_FILE_BYTES);

/**
 * The files of a cgroup that one job or step after another asks for: each stays open from its first use on. To walk to such a
 * file by its path costs several times what the kernel needs to tell what is in it.
 */
export class OpenCgroup implements CgroupFiles, Disposable {
  readonly isV2: boolean;
  readonly #cgroup: Cgroup;
  readonly #readable = new Map<string, number>();
  readonly #writable = new Map<string, number>();
  #disposed = false;

  constructor(cgroup: Cgroup) {
    this.isV2 = cgroup.isV2;
    this.#cgroup = cgroup;
  }

  read(controller: string, name: string): string | undefined {
    try {
      const fd = this.#open(this.#readable, controller, name, constants.O_RDONLY);
      if (fd === undefined) return undefined;
      return BUFFER.toString('latin1', 0, readSync(fd, BUFFER, 0, MAX_FILE_BYTES, 0));
    } catch (error) {
      if (isGone(error)) return undefined;
      throw error;
    }
  }

  write(controller: string, name: string, value: string): boolean {
    try {
      const fd = this.#open(this.#writable, controller, name, constants.O_WRONLY);
      if (fd === undefined) return false;
      writeSync(fd, value, 0);
      return true;
    } catch (error) {
      if (isGone(error) || isRefused(error)) return false;
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
    const path = this.#cgroup.pathOf(controller, name);
    if (path === undefined) return undefined;
    const fd = openSync(path, flags);
    opened.set(name, fd);
    return fd;
  }
}
