import { mkdirSync, readdirSync, readlinkSync, symlinkSync, unlinkSync } from 'node:fs';
import { join } from 'node:path';

/** Ids of a sandbox's user namespace: id n inside is `firstHostId + n` on the host, for n below `size`. */
export interface IdRange extends Disposable {
  readonly firstHostId: number;
  readonly size: number;
}

export const ID_RANGE_SIZE = 65_536;
/** Above the ids that distributions assign to users and in /etc/subuid, below 2^31, which some programs treat as negative. */
const FIRST_HOST_ID = 0x3000_0000;
const RANGE_COUNT = 20_000;

/**
 * Allocates id ranges so that no two live sandboxes of this host share one, whichever server created them. A range is taken by
 * creating the link `<directory>/<number>`, which only one process can do, and whose target names the owner.
 */
export class IdRanges {
  readonly #directory: string;
  readonly #owner: string;
  #next: number;

  /** `owner` is a file name that no other process uses; `start` spreads processes over the ranges. */
  constructor(directory: string, owner: string, start: number) {
    mkdirSync(directory, { recursive: true, mode: 0o700 });
    this.#directory = directory;
    this.#owner = owner;
    this.#next = start % RANGE_COUNT;
  }

  /** Takes a free range; disposing releases it. A range just released is the last to be taken again. */
  take(): IdRange {
    for (let tries = 0; tries < RANGE_COUNT; tries++) {
      const number = this.#next;
      this.#next = (number + 1) % RANGE_COUNT;
      const link = join(this.#directory, String(number));
      if (!tryLink(this.#owner, link)) continue;
      return {
        firstHostId: FIRST_HOST_ID + number * ID_RANGE_SIZE,
        size: ID_RANGE_SIZE,
        [Symbol.dispose]: () => {
          removeLink(link);
        },
      };
    }
    throw new Error(`all ${RANGE_COUNT} id ranges of this host are taken`);
  }

  /** Releases all ranges that `owner` still holds. */
  releaseAll(owner: string): void {
    for (const name of readdirSync(this.#directory)) {
      const link = join(this.#directory, name);
      if (readOwner(link) === owner) removeLink(link);
    }
  }
}

function tryLink(target: string, path: string): boolean {
  try {
    symlinkSync(target, path);
    return true;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'EEXIST') return false;
    throw error;
  }
}

function readOwner(link: string): string | undefined {
  try {
    return readlinkSync(link);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
    throw error;
  }
}

function removeLink(link: string): void {
  try {
    unlinkSync(link);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ENOENT') throw error;
  }
}
