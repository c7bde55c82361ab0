import { statfsSync } from 'node:fs';
import type { NodeCapacity, Resources, SandboxRequest } from '@caisson/protocol/ports';
import type { CgroupCounters } from '@caisson/session-agent';
import type { Logger } from 'pino';
import type { Cgroup } from '../cgroups/cgroup.ts';
import type { Amounts, ResourceName } from './capacity/amounts.ts';
import { capacityHealth } from './capacity/capacity-health.ts';
import type { Capacity } from './capacity/capacity.ts';
import { CpuHogs } from './capacity/cpu-hogs.ts';
import { MemoryGuard, readAvailableBytes } from './capacity/memory-guard.ts';
import type { Guarded } from './capacity/memory-guard.ts';
import type { NodeOptions } from './node-options.ts';
import { isOnDisk, promiseOf, runnerPromise } from './capacity/promises.ts';
import { Reservations } from './capacity/reservations.ts';
import type { Reclaim, Reservation } from './capacity/reservations.ts';

/** While requests wait for room. Long enough for what was reclaimed last time to be gone. */
const RECLAIM_INTERVAL_MS = 500;

/** Capacity of this machine and its reservations. Nothing is created without one. */
export class HostNode implements Disposable {
  readonly capacity: Capacity;
  readonly #options: NodeOptions;
  readonly #reservations: Reservations;
  readonly #counters: CgroupCounters;
  readonly #guard: MemoryGuard;
  readonly #hogs: CpuHogs;
  #reclaimedAtMs = 0;

  /** @param instance the parent cgroup of all sandboxes of this server, which has its limits */
  constructor(
    capacity: Capacity,
    options: NodeOptions,
    instance: Pick<Cgroup, 'openCounters' | 'children'>,
    logger: Logger,
  ) {
    this.capacity = capacity;
    this.#options = options;
    this.#reservations = new Reservations(capacity.promisable, (amounts) => this.#objection(amounts));
    this.#counters = instance.openCounters();
    this.#hogs = new CpuHogs(instance);
    this.#guard = new MemoryGuard({
      cgroup: this.#counters,
      limitBytes: capacity.total.memoryBytes,
      reserveBytes: capacity.reserveMemoryBytes,
      availableBytes: readAvailableBytes,
      nowMs: () => performance.now(),
      logger,
      onTick: () => {
        this.#serveWaiting();
      },
    });
  }

  /** What a sandbox or cell of this size is counted as. */
  promiseOf(resources: Resources): Amounts {
    return promiseOf(resources, this.capacity.diskWorkspaceBeyondBytes);
  }

  isOnDisk(resources: Resources): boolean {
    return isOnDisk(resources, this.capacity.diskWorkspaceBeyondBytes);
  }

  /**
   * Reserves room for a request, waiting for it if need be. `kind` says what will be created in it.
   * @throws CaissonError `insufficient_capacity` if there is none in time, or the reason of `signal`
   */
  async reserve(
    { resources, quota }: Pick<SandboxRequest, 'resources' | 'quota'>,
    kind: 'sandbox' | 'cell',
    signal: AbortSignal,
  ): Promise<Reservation> {
    const { sessionRoomWaitMs, jobRoomWaitMs } = this.#options;
    const waitMs = quota.kind === 'session' ? sessionRoomWaitMs : jobRoomWaitMs;
    const reservation = await this.#reservations.reserve(this.promiseOf(resources), waitMs, signal);
    this.#guard.noteStart(kind);
    return reservation;
  }

  /** Reserves room for a sandbox prepared ahead; `undefined` if there is none to spare. */
  tryReserve(resources: Resources): Reservation | undefined {
    if (this.#guard.isTight) return undefined;
    const reservation = this.#reservations.tryReserve(this.promiseOf(resources));
    if (reservation !== undefined) this.#guard.noteStart('sandbox');
    return reservation;
  }

  /** Reserves room for a runner without its cells; `undefined` if there is none to spare. */
  tryReserveRunner(limits: { readonly memoryBytes: number; readonly pids: number }): Reservation | undefined {
    return this.#reservations.tryReserve(runnerPromise(limits));
  }

  /** Calls `reclaim` when a request finds no room; see `Reservations`. */
  onShortage(reclaim: Reclaim): void {
    this.#reservations.onShortage(reclaim);
  }

  /** Calls `release` while sandboxes hold too much memory. */
  onPressure(release: () => void): void {
    this.#guard.onPressure(release);
  }

  /** Ends `guarded` if memory runs out and it holds the most, until the result is disposed. */
  guard(guarded: Guarded): Disposable {
    return this.#guard.watch(guarded);
  }

  health(): NodeCapacity {
    return capacityHealth(this.capacity, this.#reservations.promised, {
      memoryBytes: this.#guard.heldBytes,
      pids: this.#counters.pids(),
    });
  }

  [Symbol.dispose](): void {
    this.#guard[Symbol.dispose]();
    this.#hogs[Symbol.dispose]();
    this.#counters[Symbol.dispose]();
  }

  #serveWaiting(): void {
    if (this.#reservations.waiting === 0) return;
    this.#reservations.recheck();
    if (performance.now() - this.#reclaimedAtMs < RECLAIM_INTERVAL_MS) return;
    this.#reclaimedAtMs = performance.now();
    this.#reservations.reclaim();
  }

  #objection(amounts: Amounts): ResourceName | undefined {
    if (!this.#guard.hasRoomToStart()) return 'memory';
    if (amounts.diskBytes === 0) return undefined;
    const { bsize, bavail } = statfsSync(this.#options.workspaceDirectory);
    return amounts.diskBytes + this.capacity.reserveDiskBytes > bsize * bavail ? 'disk' : undefined;
  }
}
