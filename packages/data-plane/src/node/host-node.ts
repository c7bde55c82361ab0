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
import type { GiveWay, Reservation } from './capacity/reservations.ts';

/** While someone waits for room; long enough for what gave way the last time to be gone. */
const RECLAIM_INTERVAL_MS = 500;

/** What this machine holds, of what it can hold: nothing is made on it that has no reservation. */
export class HostNode implements Disposable {
  readonly capacity: Capacity;
  readonly #options: NodeOptions;
  readonly #reservations: Reservations;
  readonly #counters: CgroupCounters;
  readonly #guard: MemoryGuard;
  readonly #hogs: CpuHogs;
  #reclaimedAtMs = 0;

  /** @param instance the cgroup that all sandboxes of this server lie below, with its limits */
  constructor(
    capacity: Capacity,
    options: NodeOptions,
    instance: Pick<Cgroup, 'openCounters' | 'children'>,
    logger: Logger,
  ) {
    this.capacity = capacity;
    this.#options = options;
    this.#reservations = new Reservations(capacity.promisable, (amounts) => this.#object(amounts));
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

  /** All that a place of this size is counted with. */
  promiseOf(resources: Resources): Amounts {
    return promiseOf(resources, this.capacity.diskWorkspaceBeyondBytes);
  }

  isOnDisk(resources: Resources): boolean {
    return isOnDisk(resources, this.capacity.diskWorkspaceBeyondBytes);
  }

  /**
   * Room for what a caller asks for, as soon as there is some: `kind` tells what will be made in it.
   * @throws CaissonError `insufficient_capacity` where there is none in time, or the reason of `signal`
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

  /** Room for a sandbox that nobody asked for yet; `undefined` where there is none to spare. */
  tryReserve(resources: Resources): Reservation | undefined {
    if (this.#guard.isTight) return undefined;
    const reservation = this.#reservations.tryReserve(this.promiseOf(resources));
    if (reservation !== undefined) this.#guard.noteStart('sandbox');
    return reservation;
  }

  /** Room for a runner, without its cells; `undefined` where there is none to spare. */
  tryReserveRunner(limits: { readonly memoryBytes: number; readonly pids: number }): Reservation | undefined {
    return this.#reservations.tryReserve(runnerPromise(limits));
  }

  /** Has `giveWay` called when a caller finds no room; see `Reservations`. */
  onShortage(giveWay: GiveWay): void {
    this.#reservations.onShortage(giveWay);
  }

  /** Has `giveWay` called while sandboxes hold too much memory. */
  onPressure(giveWay: () => void): void {
    this.#guard.onPressure(giveWay);
  }

  /** Ends it if memory runs out and it holds most, until the result is disposed. */
  guard(place: Guarded): Disposable {
    return this.#guard.watch(place);
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

  #object(amounts: Amounts): ResourceName | undefined {
    if (!this.#guard.hasRoomToStart()) return 'memory';
    if (amounts.diskBytes === 0) return undefined;
    const { bsize, bavail } = statfsSync(this.#options.workspaceDirectory);
    return amounts.diskBytes + this.capacity.reserveDiskBytes > bsize * bavail ? 'disk' : undefined;
  }
}
