import { mkdirSync, readdirSync, readlinkSync, symlinkSync, unlinkSync } from 'node:fs';
import { join } from 'node:path';

/** Ids of one sandbox's user namespace: its id n is the host's `firstHostId + n`, for n below `size`. */
export interface IdRange extends Disposable {
  readonly firstHostId: number;
  readonly size: number;
}

export const ID_RANGE_SIZE = 65_536;
/** Above what distributions give to people and to /etc/subuid, below 2^31, which some programs take for negative. */
const FIRST_HOST_ID = 0x3000_0000;
const RANGE_COUNT = 20_000;

/**
 * Hands out id ranges so that no two live sandboxes of this host share one, whichever server made them: a range is
 * taken by making the link `<directory>/<number>`, which only one can make, and whose target names the owner.
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

  /** Takes a free range; disposing gives it back. A range just given back is the last to be taken again. */
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

  /** Gives back all that `owner` took and did not give back. */
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
