import { readFileSync } from 'node:fs';
import type { CgroupCounters } from '@caisson/session-agent';
import type { Logger } from 'pino';
import { bytesToFree, canStart, chooseOffenders, isTight } from './offenders.ts';
import type { MemoryState } from './offenders.ts';

const TICK_MS = 100;
/** Upper bound of the memory of a new sandbox with its kernel, and of a new cell, before any code has run. */
const START_BYTES = { sandbox: 32 * 2 ** 20, cell: 4 * 2 ** 20 };
/** While sandboxes are not what fills the memory, ending one that holds less than this would not help the machine. */
const WORTH_ENDING_BYTES = 16 * 2 ** 20;
/** How long the chosen ones may take to end before more are chosen. */
const END_GRACE_MS = 3_000;
/** Below this share of the limit, file caches (which the kernel reclaims) are not worth subtracting. */
const SUBTRACT_CACHES_ABOVE = 0.5;

/** Something that holds memory and can be ended for it. */
export interface Guarded {
  readonly id: string;
  /** Memory that is freed only by ending it, in bytes. */
  heldBytes(): number;
  /** Ends it and reports memory as the reason to its owner. Never throws. */
  end(): void;
}

interface MemoryGuardParts {
  /** The parent cgroup of all sandboxes, limited to `limitBytes`. */
  readonly cgroup: Pick<CgroupCounters, 'memoryBytes' | 'heldMemoryBytes'>;
  readonly limitBytes: number;
  /** How much memory the machine should keep available, and how much it has available now. */
  readonly reserveBytes: number;
  readonly availableBytes: () => number;
  /** A clock that never goes back. */
  readonly nowMs: () => number;
  readonly logger: Logger;
  /** Called after each measurement. */
  readonly onTick: () => void;
}

/**
 * Watches the memory of all sandboxes together, and ends those that hold the most before the limit is reached. At the limit the
 * kernel would kill the largest process, and leave the files in memory that it wrote.
 */
export class MemoryGuard implements Disposable {
  readonly #parts: MemoryGuardParts;
  readonly #guarded = new Set<Guarded>();
  readonly #ending = new Set<Guarded>();
  readonly #onPressure: (() => void)[] = [];
  readonly #timer: NodeJS.Timeout;
  #heldBytes = 0;
  #availableBytes = Infinity;
  /** Started since the last measurement, and so not included in it. */
  #startingBytes = 0;
  #endedAtMs = -Infinity;

  constructor(parts: MemoryGuardParts) {
    this.#parts = parts;
    this.#measure();
    this.#timer = setInterval(() => {
      this.tick();
    }, TICK_MS).unref();
  }

  /** Memory of all sandboxes at the last measurement, in bytes. */
  get heldBytes(): number {
    return this.#heldBytes;
  }

  /** Calls `release` when memory must be freed, before anything in use is ended. */
  onPressure(release: () => void): void {
    this.#onPressure.push(release);
  }

  /** Watches `guarded` until the result is disposed. */
  watch(guarded: Guarded): Disposable {
    this.#guarded.add(guarded);
    return {
      [Symbol.dispose]: () => {
        this.#guarded.delete(guarded);
        this.#ending.delete(guarded);
      },
    };
  }

  /** Whether the machine has memory to start one more sandbox. */
  hasRoomToStart(): boolean {
    return canStart(this.#state(), this.#startingBytes + START_BYTES.sandbox);
  }

  /** Whether memory is too short to prepare sandboxes ahead. */
  get isTight(): boolean {
    return isTight(this.#state());
  }

  /** Counts a sandbox or cell that starts now. */
  noteStart(kind: 'sandbox' | 'cell'): void {
    this.#startingBytes += START_BYTES[kind];
  }

  tick(): void {
    this.#measure();
    this.#relieve();
    this.#parts.onTick();
  }

  [Symbol.dispose](): void {
    clearInterval(this.#timer);
  }

  #measure(): void {
    const { cgroup, limitBytes, availableBytes } = this.#parts;
    const bytes = cgroup.memoryBytes();
    this.#heldBytes = bytes > limitBytes * SUBTRACT_CACHES_ABOVE ? cgroup.heldMemoryBytes() : bytes;
    this.#availableBytes = availableBytes();
    this.#startingBytes = 0;
  }

  #state(): MemoryState {
    const { limitBytes, reserveBytes } = this.#parts;
    return { heldBytes: this.#heldBytes, availableBytes: this.#availableBytes, limitBytes, reserveBytes };
  }

  #relieve(): void {
    const state = this.#state();
    const bytes = bytesToFree(state);
    if (bytes === 0) return;
    for (const release of this.#onPressure) release();
    // Their memory is being freed already.
    if (this.#ending.size > 0 && this.#parts.nowMs() - this.#endedAtMs < END_GRACE_MS) return;
    const minimumBytes = this.isTight ? 0 : WORTH_ENDING_BYTES;
    const candidates = [...this.#guarded]
      .filter((guarded) => !this.#ending.has(guarded))
      .map((guarded) => ({ guarded, heldBytes: guarded.heldBytes() }))
      .filter(({ heldBytes }) => heldBytes >= minimumBytes);
    for (const { guarded, heldBytes } of chooseOffenders(candidates, bytes)) {
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

/** Memory that the machine has available for programs now, in bytes. */
export function readAvailableBytes(): number {
  const kibibytes = /^MemAvailable: *(\d+) kB$/m.exec(readFileSync('/proc/meminfo', 'utf8'))?.[1];
  return kibibytes === undefined ? Infinity : Number(kibibytes) * 1024;
}
