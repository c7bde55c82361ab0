import type { Cell, CellSpec, ForkServer } from '../fork-server/fork-server.ts';
import type { RunnerState } from './runner-life.ts';
import { ReadyCells } from './ready-cells.ts';
import type { Reservation } from '../../node/capacity/reservations.ts';

/** One job's cell. Disposing ends it. */
export interface LeasedCell extends AsyncDisposable {
  readonly cell: Cell;
}

/** One tenant's fork server with its ready cells, and the counts that decide how long it is used. */
export class Runner implements RunnerState, AsyncDisposable {
  readonly startedMs: number;
  readonly lost: Promise<Error>;
  lastUsedMs: number;
  running = 0;
  readonly #server: ForkServer;
  readonly #room: Reservation;
  readonly #ready: ReadyCells;
  readonly #nowMs: () => number;
  #retired = false;

  /** @param room what the runner takes of the node; given back when nothing is left of the runner */
  constructor(server: ForkServer, room: Reservation, nowMs: () => number) {
    this.startedMs = nowMs();
    this.lastUsedMs = this.startedMs;
    this.lost = server.lost;
    this.#server = server;
    this.#room = room;
    this.#ready = new ReadyCells(server, nowMs);
    this.#nowMs = nowMs;
  }

  get cells(): number {
    return this.#ready.forked;
  }

  has(spec: CellSpec): boolean {
    return this.#ready.has(spec);
  }

  /** @throws Error if the runner is lost or full */
  async lease(spec: CellSpec, signal: AbortSignal): Promise<LeasedCell> {
    this.running++;
    try {
      const cell = await this.#ready.claim(spec, signal);
      // With none left, the next job would wait for a whole fork.
      if (this.#ready.count === 0) setImmediate(this.refill);
      let ended: Promise<void> | undefined;
      return { cell, [Symbol.asyncDispose]: async () => (ended ??= this.#end(cell)) };
    } catch (error) {
      await this.#release();
      throw error;
    }
  }

  readonly refill = (): void => {
    if (!this.#retired) this.#ready.refill();
  };

  /** Takes no new jobs, and ends after the last one. */
  async retire(): Promise<void> {
    this.#retired = true;
    this.#ready.close();
    if (this.running === 0) await this[Symbol.asyncDispose]();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#retired = true;
    this.#ready.close();
    await this.#server[Symbol.asyncDispose]();
    this.#room[Symbol.dispose]();
  }

  async #end(cell: Cell): Promise<void> {
    try {
      await cell.end();
    } finally {
      await this.#release();
    }
  }

  async #release(): Promise<void> {
    this.running--;
    this.lastUsedMs = this.#nowMs();
    this.refill();
    if (this.#retired && this.running === 0) await this[Symbol.asyncDispose]();
  }
}
