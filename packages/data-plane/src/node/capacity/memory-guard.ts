import { readFileSync } from 'node:fs';
import type { CgroupCounters } from '@caisson/session-agent';
import type { Logger } from 'pino';
import { bytesToGiveUp, canBegin, chooseOffenders, isTight } from './offenders.ts';
import type { MemoryState } from './offenders.ts';

const TICK_MS = 100;
/** What a new sandbox, with its kernel, takes at most before it has run anything, and what a cell takes. */
const START_BYTES = { sandbox: 32 * 2 ** 20, cell: 4 * 2 ** 20 };
/** Where it is not the sandboxes that hold much, the end of one that holds less would be of no use to the machine. */
const WORTH_ENDING_BYTES = 16 * 2 ** 20;
/** So long the end of those that were chosen may take, before others are. */
const PATIENCE_MS = 3_000;
/** Below this part of the limit it is not worth while to tell caches of files apart, which the kernel takes back itself. */
const WORTH_A_CLOSER_LOOK = 0.5;

/** Something that holds memory and can be ended for it. */
export interface Guarded {
  readonly id: string;
  /** What it holds that cannot be given back without its end, in bytes. */
  heldBytes(): number;
  /** Ends it, and tells its owner that memory was the reason. Never throws. */
  end(): void;
}

interface MemoryGuardParts {
  /** The one that all sandboxes lie below, limited to `limitBytes`. */
  readonly cgroup: Pick<CgroupCounters, 'memoryBytes' | 'heldMemoryBytes'>;
  readonly limitBytes: number;
  /** How much of the machine's memory is to be left, and how much is. */
  readonly reserveBytes: number;
  readonly availableBytes: () => number;
  /** A clock that never goes back. */
  readonly nowMs: () => number;
  readonly logger: Logger;
  /** Called after each look at the machine. */
  readonly onTick: () => void;
}

/**
 * Watches what all sandboxes hold together. Before they hold all that they may, those that hold most are ended: the kernel would
 * kill the largest process, and the files in memory that it wrote would stay.
 */
export class MemoryGuard implements Disposable {
  readonly #parts: MemoryGuardParts;
  readonly #guarded = new Set<Guarded>();
  readonly #ending = new Set<Guarded>();
  readonly #onPressure: (() => void)[] = [];
  readonly #ticking: NodeJS.Timeout;
  #heldBytes = 0;
  #availableBytes = Infinity;
  /** Of what was begun since the last look, and so was not seen by it. */
  #startingBytes = 0;
  #endedAtMs = -Infinity;

  constructor(parts: MemoryGuardParts) {
    this.#parts = parts;
    this.#look();
    this.#ticking = setInterval(() => {
      this.tick();
    }, TICK_MS).unref();
  }

  /** What all sandboxes held when it was last looked, in bytes. */
  get heldBytes(): number {
    return this.#heldBytes;
  }

  /** Has `give` called when memory must be given up, before anything that someone uses is ended. */
  onPressure(give: () => void): void {
    this.#onPressure.push(give);
  }

  /** Guards it until the result is disposed. */
  watch(guarded: Guarded): Disposable {
    this.#guarded.add(guarded);
    return {
      [Symbol.dispose]: () => {
        this.#guarded.delete(guarded);
        this.#ending.delete(guarded);
      },
    };
  }

  /** Whether the machine has memory for one place more to begin with. */
  hasRoomToStart(): boolean {
    return canBegin(this.#state(), this.#startingBytes + START_BYTES.sandbox);
  }

  /** Whether so much is held that nothing more should be made ready ahead. */
  get isTight(): boolean {
    return isTight(this.#state());
  }

  /** Counts a place that begins now. */
  noteStart(kind: 'sandbox' | 'cell'): void {
    this.#startingBytes += START_BYTES[kind];
  }

  tick(): void {
    this.#look();
    this.#relieve();
    this.#parts.onTick();
  }

  [Symbol.dispose](): void {
    clearInterval(this.#ticking);
  }

  #look(): void {
    const { cgroup, limitBytes, availableBytes } = this.#parts;
    const bytes = cgroup.memoryBytes();
    this.#heldBytes = bytes > limitBytes * WORTH_A_CLOSER_LOOK ? cgroup.heldMemoryBytes() : bytes;
    this.#availableBytes = availableBytes();
    this.#startingBytes = 0;
  }

  #state(): MemoryState {
    const { limitBytes, reserveBytes } = this.#parts;
    return { heldBytes: this.#heldBytes, availableBytes: this.#availableBytes, limitBytes, reserveBytes };
  }

  #relieve(): void {
    const state = this.#state();
    const bytes = bytesToGiveUp(state);
    if (bytes === 0) return;
    for (const give of this.#onPressure) give();
    // What these hold is on its way back already.
    if (this.#ending.size > 0 && this.#parts.nowMs() - this.#endedAtMs < PATIENCE_MS) return;
    const least = this.isTight ? 0 : WORTH_ENDING_BYTES;
    const places = [...this.#guarded]
      .filter((guarded) => !this.#ending.has(guarded))
      .map((guarded) => ({ guarded, heldBytes: guarded.heldBytes() }))
      .filter(({ heldBytes }) => heldBytes >= least);
    for (const { guarded, heldBytes } of chooseOffenders(places, bytes)) {
      this.#parts.logger.warn(
        { sandbox_id: guarded.id, held_bytes: heldBytes, ...state },
        'sandbox ended: memory is short and it holds the most',
      );
      this.#endedAtMs = this.#parts.nowMs();
      this.#ending.add(guarded);
      guarded.end();
    }
  }
}

/** What the machine could give to programs now, in bytes. */
export function readAvailableBytes(): number {
  const kibibytes = /^MemAvailable: *(\d+) kB$/m.exec(readFileSync('/proc/meminfo', 'utf8'))?.[1];
  return kibibytes === undefined ? Infinity : Number(kibibytes) * 1024;
}
