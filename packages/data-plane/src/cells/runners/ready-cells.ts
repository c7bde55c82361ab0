import { isDeepStrictEqual } from 'node:util';
import { orAborted } from '../../abort/or-aborted.ts';
import { ForkTime, MOST_READY, readyTarget, recentArrivals } from './demand.ts';
import type { Cell, CellSpec, ForkServer } from '../fork-server/fork-server.ts';

/** Forks ahead of need at the same time. */
const PARALLEL_REFILLS = 1;
/** After this many jobs of another size in a row, cells of that size are kept ready instead. */
const JOBS_TO_CHANGE_SIZE = 2;

/** A job that found no ready cell. */
interface Claim extends PromiseWithResolvers<Cell> {
  readonly spec: CellSpec;
}

/**
 * The ready cells of one runner, all of the size of its last jobs. A job that finds none ready starts a fork, and gets the first
 * cell of its size that is made, whichever job began it.
 */
export class ReadyCells {
  readonly #server: ForkServer;
  readonly #nowMs: () => number;
  readonly #ready: Cell[] = [];
  readonly #claims: Claim[] = [];
  readonly #forkTime = new ForkTime();
  #closed = false;
  #size: CellSpec | undefined;
  #other: { readonly spec: CellSpec; readonly count: number } | undefined;
  #arrivalsMs: number[] = [];
  /** Under way, for jobs that wait and ahead of need. */
  #forks = 0;
  #forked = 0;
  #refills = 0;

  /** @param nowMs a clock that never goes back */
  constructor(server: ForkServer, nowMs: () => number) {
    this.#server = server;
    this.#nowMs = nowMs;
  }

  get count(): number {
    return this.#ready.length;
  }

  /** Forks started so far. */
  get forked(): number {
    return this.#forked;
  }

  /** Whether a job can have a cell: one that is ready, or a slot for a new one. */
  has(spec: CellSpec): boolean {
    return this.#server.freeSlots > 0 || (this.#ready.length > 0 && isDeepStrictEqual(this.#size, spec));
  }

  /** A cell for one job. @throws what `ForkServer.fork` throws, and the reason of `signal` */
  async claim(spec: CellSpec, signal: AbortSignal): Promise<Cell> {
    this.#arrivalsMs.push(this.#nowMs());
    const cell = this.#followSize(spec) ? this.#takeReady() : undefined;
    return cell ?? (await this.#forkFor(spec, signal));
  }

  /** Forks cells until as many stand ready as the demand needs, one after the other; drops all when there is no demand. */
  refill(): void {
    const now = this.#nowMs();
    this.#arrivalsMs = recentArrivals(now, this.#arrivalsMs);
    const target = readyTarget(now, this.#arrivalsMs, this.#forkTime.ms);
    if (target === 0) this.#drop();
    const wanted = this.#ready.length + this.#forks - this.#claims.length < target;
    if (!wanted || this.#refills >= PARALLEL_REFILLS || this.#size === undefined) return;
    // The last slots are for jobs that have arrived.
    if (this.#server.freeSlots <= target || this.#closed) return;
    this.#refills++;
    const again = () => {
      this.#refills--;
      this.refill();
    };
    this.#makeReady(this.#size).then(again, () => {
      // The runner is lost, tells its owner why, and is replaced.
      this.#refills--;
    });
  }

  /** Ends the ready cells, and makes no more. */
  close(): void {
    this.#closed = true;
    this.#drop();
  }

  async #forkFor(spec: CellSpec, signal: AbortSignal): Promise<Cell> {
    const claim: Claim = { spec, ...Promise.withResolvers<Cell>() };
    this.#claims.push(claim);
    this.#fork(spec).then(
      (cell) => {
        this.#give(cell, spec);
      },
      (error: unknown) => this.#nextClaim(spec)?.reject(error),
    );
    try {
      return await orAborted(claim.promise, signal);
    } catch (error) {
      // It may have been given a cell at the same moment.
      claim.promise.then(discard, () => undefined);
      throw error;
    } finally {
      this.#forget(claim);
    }
  }

  async #makeReady(size: CellSpec): Promise<void> {
    this.#give(await this.#fork(size), size);
  }

  async #fork(spec: CellSpec): Promise<Cell> {
    const begunMs = this.#nowMs();
    this.#forks++;
    this.#forked++;
    try {
      return await this.#server.fork(spec);
    } finally {
      this.#forks--;
      this.#forkTime.add(this.#nowMs() - begunMs);
    }
  }

  /** Gives the cell to the job that has waited longest for one of its size; if none waits, it stands ready. */
  #give(cell: Cell, spec: CellSpec): void {
    const claim = this.#nextClaim(spec);
    if (claim !== undefined) {
      claim.resolve(cell);
      return;
    }
    if (this.#ready.length < MOST_READY && !this.#closed && isDeepStrictEqual(this.#size, spec))
      this.#ready.push(cell);
    else discard(cell);
  }

  /** Takes out the oldest claim for a cell of this size. There are never more claims than forks for them. */
  #nextClaim(spec: CellSpec): Claim | undefined {
    const claim = this.#claims.find((waiting) => isDeepStrictEqual(waiting.spec, spec));
    if (claim !== undefined) this.#forget(claim);
    return claim;
  }

  #forget(claim: Claim): void {
    const index = this.#claims.indexOf(claim);
    if (index !== -1) this.#claims.splice(index, 1);
  }

  #takeReady(): Cell | undefined {
    for (let cell = this.#ready.shift(); cell !== undefined; cell = this.#ready.shift()) {
      if (cell.alive) return cell;
      discard(cell);
    }
    return undefined;
  }

  /** Takes the size of one more job into account. Returns whether the ready cells are of this size. */
  #followSize(spec: CellSpec): boolean {
    if (isDeepStrictEqual(this.#size, spec)) {
      this.#other = undefined;
      return true;
    }
    const count = isDeepStrictEqual(this.#other?.spec, spec) ? (this.#other?.count ?? 0) + 1 : 1;
    this.#other = { spec, count };
    if (this.#size !== undefined && count < JOBS_TO_CHANGE_SIZE) return false;
    this.#other = undefined;
    this.#size = spec;
    this.#drop();
    return false;
  }

  #drop(): void {
    for (const cell of this.#ready.splice(0)) discard(cell);
  }
}

/** If the cell does not end, its fork server is lost, which tells why. */
function discard(cell: Cell): void {
  cell.end().catch(() => undefined);
}
