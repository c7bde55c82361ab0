import { randomBytes } from 'node:crypto';
import { mkdirSync, readdirSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';

/** Everything a running data plane keeps on the host: one directory, one cgroup, and a lock that is released when it dies. */
export interface Instance extends Disposable {
  readonly name: string;
  readonly directory: string;
  /** A process that can lock it removes the instance, so it must not be deleted. */
  readonly lockFile: string;
  /** Path of its cgroup in every hierarchy. */
  readonly cgroupPath: string;
}

const LOCK_FILE = 'lock';

/** Creates an instance below `stateDirectory`. Disposing removes its directory, which must hold no mounts by then. */
export function createInstance(stateDirectory: string): Instance {
  const name = randomBytes(6).toString('hex');
  const directory = join(stateDirectory, 'instances', name);
  // Root in a sandbox must be able to reach what is mounted from here, but not to list it.
  mkdirSync(directory, { recursive: true, mode: 0o711 });
  const lock = lockInstance(directory);
  if (lock === undefined) throw new Error(`the new instance ${name} is locked by another process`);
  return {
    ...describe(stateDirectory, name),
    [Symbol.dispose]: () => {
      rmSync(directory, { recursive: true, force: true });
      lock.close();
    },
  };
}

/** Instances whose process is gone, each locked so that no other process cleans it up at the same time. */
export function* deadInstances(stateDirectory: string): Generator<Instance> {
  for (const name of listInstances(stateDirectory)) {
    const instance = describe(stateDirectory, name);
    const lock = lockInstance(instance.directory);
    if (lock === undefined) continue;
    yield {
      ...instance,
      [Symbol.dispose]: () => {
        rmSync(instance.directory, { recursive: true, force: true });
        lock.close();
      },
    };
  }
}

function describe(stateDirectory: string, name: string): Omit<Instance, typeof Symbol.dispose> {
  const directory = join(stateDirectory, 'instances', name);
  return { name, directory, lockFile: join(directory, LOCK_FILE), cgroupPath: `/caisson/${name}` };
}

function listInstances(stateDirectory: string): string[] {
  try {
    return readdirSync(join(stateDirectory, 'instances'));
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return [];
    throw error;
  }
}

/**
 * An exclusive lock that the operating system releases however its process dies. Node has no flock(2); SQLite locks with
 * fcntl(2).
 */
function lockInstance(directory: string): DatabaseSync | undefined {
  let database: DatabaseSync | undefined;
  try {
    database = new DatabaseSync(join(directory, LOCK_FILE), { timeout: 0 });
    database.exec('PRAGMA journal_mode = MEMORY; BEGIN EXCLUSIVE');
    return database;
  } catch (error) {
    database?.close();
    if (isBusy(error)) return undefined;
    throw error;
  }
}

function isBusy(error: unknown): boolean {
  const SQLITE_BUSY = 5;
  return (error as { errcode?: number }).errcode === SQLITE_BUSY;
}
