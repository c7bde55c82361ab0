import { existsSync, mkdirSync, readdirSync, readFileSync, rmdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { cgroupDirectory } from './cgroup-layout.ts';
import type { CgroupLayout } from './cgroup-layout.ts';
import type { StateFile } from './state-file.ts';
import { freezeV1, thawV1 } from './v1/freezer.ts';
import { freezeV2, thawV2 } from './v2/freezer.ts';
import type { FreezerFiles } from './v2/freezer.ts';

/** What a cgroup counts and limits, by the names that the kernel has for it. */
export interface CgroupFiles {
  readonly isV2: boolean;
  /** Text of the file `name` of `controller`; `undefined` where there is none. */
  read(controller: string, name: string): string | undefined;
  /** Writes the file `name` of `controller`; says whether there was such a file that takes the value. */
  write(controller: string, name: string, value: string): boolean;
}

/** One cgroup of a sandbox, in every hierarchy of the host at the same path. */
export class Cgroup implements CgroupFiles {
  readonly #layout: CgroupLayout;
  /** Relative to each hierarchy's mount point; begins with `/`. */
  readonly path: string;

  constructor(layout: CgroupLayout, path: string) {
    this.#layout = layout;
    this.path = path;
  }

  /** Where the file `name` of `controller` is, if this host has such a controller. */
  pathOf(controller: string, name: string): string | undefined {
    const directory = cgroupDirectory(this.#layout, controller, this.path);
    return directory === undefined ? undefined : join(directory, name);
  }

  read(controller: string, name: string): string | undefined {
    const path = this.pathOf(controller, name);
    if (path === undefined) return undefined;
    try {
      return readFileSync(path, 'utf8');
    } catch (error) {
      if (isGone(error)) return undefined;
      throw error;
    }
  }

  write(controller: string, name: string, value: string): boolean {
    const path = this.pathOf(controller, name);
    if (path === undefined) return false;
    try {
      writeFileSync(path, value);
      return true;
    } catch (error) {
      if (isGone(error) || isRefused(error)) return false;
      throw error;
    }
  }

  get isV2(): boolean {
    return this.#layout.version === 'v2';
  }

  /** Host pids of all processes in it and in the cgroups below it. */
  processes(): number[] {
    const directory = cgroupDirectory(this.#layout, 'pids', this.path);
    return directory === undefined ? [] : processesBelow(directory);
  }

  /**
   * Stops every process where it is until `thaw`; resolves when they have stopped.
   * @throws Error if this host cannot, or the reason of `signal`; they run again then
   */
  async freeze(signal: AbortSignal): Promise<void> {
    const frozen = await (this.isV2
      ? freezeV2(this.#freezerV2(), signal)
      : freezeV1(this.#file('freezer', 'freezer.state'), signal));
    if (!frozen && this.processes().length > 0) throw new Error(`the cgroup ${this.path} cannot be frozen`);
  }

  /** Lets every process run again; resolves when they do. @throws the reason of `signal` */
  async thaw(signal: AbortSignal): Promise<void> {
    await (this.isV2
      ? thawV2(this.#freezerV2(), signal)
      : thawV1(this.#file('freezer', 'freezer.state'), signal));
  }

  /** Kills every process in it and in the cgroups below it, paused or not; resolves when they are gone. */
  async kill(signal: AbortSignal): Promise<void> {
    const atOnce = this.isV2 && this.write('pids', 'cgroup.kill', '1');
    await until(() => {
      const alive = this.processes();
      if (!atOnce) for (const pid of alive) sendSignal(pid, 'SIGKILL');
      if (alive.length > 0) this.#thawAll();
      return alive.length === 0;
    }, signal);
  }

  /** A frozen process takes its SIGKILL only once it is thawed, and a cgroup may be frozen where the one above it is not. */
  #thawAll(): void {
    const top = cgroupDirectory(this.#layout, 'freezer', this.path);
    if (top === undefined) return;
    for (const directory of [top, ...subdirectories(top)]) {
      const cgroup = new Cgroup(this.#layout, this.path + directory.slice(top.length));
      if (this.isV2) cgroup.write('freezer', 'cgroup.freeze', '0');
      else cgroup.write('freezer', 'freezer.state', 'THAWED');
    }
  }

  #freezerV2(): FreezerFiles {
    return { freeze: this.#file('freezer', 'cgroup.freeze'), events: this.#file('freezer', 'cgroup.events') };
  }

  #file(controller: string, name: string): StateFile {
    return {
      read: () => this.read(controller, name),
      write: (value) => this.write(controller, name, value),
    };
  }

  /** Removes it, with the cgroups below it, from every hierarchy. All its processes must be gone. */
  async remove(signal: AbortSignal): Promise<void> {
    for (const mountPoint of this.#layout.mountPoints) {
      const directory = join(mountPoint, this.path);
      // The kernel takes a moment to let go of the last process of a cgroup.
      await until(() => removeTree(directory), signal);
    }
  }

  /** Makes it in the hierarchies of `controllers`. */
  make(controllers: readonly string[]): void {
    for (const controller of controllers) {
      const directory = cgroupDirectory(this.#layout, controller, this.path);
      if (directory !== undefined) mkdirSync(directory, { recursive: true });
    }
  }
}

/** Sends `name` to the host process `pid`; says whether there was one. */
export function sendSignal(pid: number, name: NodeJS.Signals): boolean {
  try {
    return process.kill(pid, name);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ESRCH') return false;
    throw error;
  }
}

function processesBelow(directory: string): number[] {
  const pids: number[] = [];
  for (const path of [directory, ...subdirectories(directory)]) {
    try {
      for (const line of readFileSync(join(path, 'cgroup.procs'), 'utf8').split('\n')) {
        if (line !== '') pids.push(Number(line));
      }
    } catch (error) {
      if (!isGone(error)) throw error;
    }
  }
  return pids;
}

/** All directories below `directory`, the innermost last. */
function subdirectories(directory: string): string[] {
  try {
    return readdirSync(directory, { withFileTypes: true })
      .filter((entry) => entry.isDirectory())
      .flatMap((entry) => {
        const path = join(directory, entry.name);
        return [path, ...subdirectories(path)];
      });
  } catch (error) {
    if (isGone(error)) return [];
    throw error;
  }
}

function removeTree(directory: string): boolean {
  if (!existsSync(directory)) return true;
  for (const path of [...subdirectories(directory).reverse(), directory]) {
    try {
      rmdirSync(path);
    } catch (error) {
      if (isGone(error)) continue;
      if ((error as NodeJS.ErrnoException).code === 'EBUSY') return false;
      throw error;
    }
  }
  return true;
}

async function until(condition: () => boolean, signal: AbortSignal): Promise<void> {
  for (let waitMs = 1; !condition(); waitMs = Math.min(waitMs * 2, 20))
    await delay(waitMs, undefined, { signal });
}

/** ENODEV: the cgroup was removed while its file was open. */
export function isGone(error: unknown): boolean {
  return ['ENOENT', 'ENODEV'].includes((error as NodeJS.ErrnoException).code ?? '');
}

/** The kernel does not take the value. */
export function isRefused(error: unknown): boolean {
  return ['EINVAL', 'EACCES', 'EPERM', 'EBUSY', 'ENOTSUP'].includes(
    (error as NodeJS.ErrnoException).code ?? '',
  );
}
