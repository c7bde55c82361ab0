import { existsSync, readdirSync, readFileSync, rmdirSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { isCgroupGone, isValueRefused } from '@caisson/session-agent';

/** Text of a cgroup file; `undefined` if it does not exist. */
export function readCgroupFile(path: string | undefined): string | undefined {
  if (path === undefined) return undefined;
  try {
    return readFileSync(path, 'utf8');
  } catch (error) {
    if (isCgroupGone(error)) return undefined;
    throw error;
  }
}

/** Writes a cgroup file; returns whether it exists and accepts the value. */
export function writeCgroupFile(path: string | undefined, value: string): boolean {
  if (path === undefined) return false;
  try {
    writeFileSync(path, value);
    return true;
  } catch (error) {
    if (isCgroupGone(error) || isValueRefused(error)) return false;
    throw error;
  }
}

/** Pids of all processes in the cgroup `directory` and in those below it. */
export function processesBelow(directory: string): number[] {
  return withSubdirectories(directory).flatMap((path) =>
    (readCgroupFile(join(path, 'cgroup.procs')) ?? '').split('\n').filter(Boolean).map(Number),
  );
}

/** `directory` and all cgroups below it, parents first. */
export function withSubdirectories(directory: string): string[] {
  return [directory, ...subdirectories(directory)];
}

/** Names of the cgroups directly below `directory`. */
export function childrenOf(directory: string): string[] {
  try {
    return readdirSync(directory, { withFileTypes: true })
      .filter((entry) => entry.isDirectory())
      .map(({ name }) => name);
  } catch (error) {
    if (isCgroupGone(error)) return [];
    throw error;
  }
}

/** Removes the cgroup `directory` and all below it. They must hold no processes. */
export async function removeTree(directory: string, signal: AbortSignal): Promise<void> {
  // The kernel takes a moment to release the last process of a cgroup.
  await until(() => tryRemoveTree(directory), signal);
}

/** Lowest limit in the file `name` of the cgroup `path` and its ancestors; `Infinity` if there is no limit. */
export function leastLimit(mountPoint: string, path: string, name: string): number {
  const value = Number(readCgroupFile(join(mountPoint, path, name))?.trim());
  // NaN: the root of a hierarchy has no such file, and `max` means no limit.
  const own = Number.isNaN(value) ? Infinity : value;
  return path === '/' || path === '.' ? own : Math.min(own, leastLimit(mountPoint, dirname(path), name));
}

/** Polls `condition` and resolves once it holds. @throws AbortError */
export async function until(condition: () => boolean, signal: AbortSignal): Promise<void> {
  for (let waitMs = 1; !condition(); waitMs = Math.min(waitMs * 2, 20))
    await delay(waitMs, undefined, { signal });
}

function subdirectories(directory: string): string[] {
  return childrenOf(directory).flatMap((name) => withSubdirectories(join(directory, name)));
}

function tryRemoveTree(directory: string): boolean {
  if (!existsSync(directory)) return true;
  for (const path of withSubdirectories(directory).reverse()) {
    try {
      rmdirSync(path);
    } catch (error) {
      if (isCgroupGone(error)) continue;
      if ((error as NodeJS.ErrnoException).code === 'EBUSY') return false;
      throw error;
    }
  }
  return true;
}
