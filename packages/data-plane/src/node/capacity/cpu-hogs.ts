import { readFileSync } from 'node:fs';
import type { Cgroup } from '../../cgroups/cgroup.ts';
import { parseCpu } from '../../pool/demand/host-load.ts';

/** Unit: busy processes of the host, see `Cgroup.setCpuWeight`. */
const WEIGHTS = { normal: 1, low: 1 / 16 };
const TICK_MS = 1_000;
/** Share of all processor time. If more of it is idle, nothing is waiting for a processor. */
const MAX_IDLE = 0.2;
/** A cgroup that uses fewer cores is never a hog. */
const MIN_CORES = 0.25;
/** Anything above this share of the largest use is a hog too, so that equal hogs are treated equally. */
const SHARE_OF_LARGEST = 0.5;
/** Time since a cgroup was last a hog before its weight is restored: it may only have been waiting for others. */
const HOLD_MS = 5_000;

/** Names of the cgroups that keep others waiting for a processor. @param cores recent use of each, by name */
export function findHogs(cores: ReadonlyMap<string, number>): string[] {
  const threshold = Math.max(MIN_CORES, SHARE_OF_LARGEST * Math.max(0, ...cores.values()));
  return [...cores].filter(([, used]) => used > threshold).map(([name]) => name);
}

/** The demoted cgroups, with the time each was last a hog: those in `before` that have not expired, and `hogs`. */
export function demotedAfter(
  nowMs: number,
  before: ReadonlyMap<string, number>,
  hogs: readonly string[],
): Map<string, number> {
  const kept = [...before].filter(([, lastMs]) => nowMs - lastMs < HOLD_MS);
  return new Map([...kept, ...hogs.map((name) => [name, nowMs] as const)]);
}

/**
 * Lowers the CPU weight of sandboxes and runners that keep the processors busy, until they have been quiet for some seconds. Long
 * computations lose little, and short ones get a processor soon. A multilevel feedback queue with two levels.
 */
export class CpuHogs implements Disposable {
  readonly #instance: Pick<Cgroup, 'children'>;
  readonly #timer: NodeJS.Timeout;
  #hostTicks = readTicks();
  #cpuMs = new Map<string, number>();
  #measuredAtMs = -Infinity;
  #demoted = new Map<string, number>();

  /** @param instance the parent cgroup of all sandboxes and runners */
  constructor(instance: Pick<Cgroup, 'children'>) {
    this.#instance = instance;
    this.#timer = setInterval(() => {
      this.#tick();
    }, TICK_MS).unref();
  }

  [Symbol.dispose](): void {
    clearInterval(this.#timer);
  }

  #tick(): void {
    const nowMs = performance.now();
    const cgroups = new Map(this.#instance.children().map((cgroup) => [cgroup.path, cgroup]));
    const hogs = this.#isBusy() ? findHogs(this.#readCores(nowMs, cgroups)) : [];
    const before = this.#demoted;
    this.#demoted = demotedAfter(nowMs, before, hogs);
    // Repeated on each tick, because lending a sandbox resets its weight to normal.
    for (const path of hogs) cgroups.get(path)?.setCpuWeight(WEIGHTS.low);
    for (const path of before.keys()) {
      if (!this.#demoted.has(path)) cgroups.get(path)?.setCpuWeight(WEIGHTS.normal);
    }
  }

  /** Whether the processors had little idle time since the last tick. */
  #isBusy(): boolean {
    const before = this.#hostTicks;
    this.#hostTicks = readTicks();
    const idle = this.#hostTicks.idleTicks - before.idleTicks;
    return idle <= MAX_IDLE * (this.#hostTicks.cpuTicks - before.cpuTicks);
  }

  /** Average number of cores that each cgroup used since the last measurement, if that was recent. */
  #readCores(nowMs: number, cgroups: ReadonlyMap<string, Cgroup>): Map<string, number> {
    const elapsedMs = nowMs - this.#measuredAtMs;
    const before = elapsedMs < 2 * TICK_MS ? this.#cpuMs : new Map<string, number>();
    this.#measuredAtMs = nowMs;
    this.#cpuMs = new Map([...cgroups].map(([path, cgroup]) => [path, cpuMsOf(cgroup)]));
    const cores = new Map<string, number>();
    for (const [name, cpuMs] of this.#cpuMs) {
      const beforeMs = before.get(name);
      if (beforeMs !== undefined) cores.set(name, (cpuMs - beforeMs) / elapsedMs);
    }
    return cores;
  }
}

function cpuMsOf(cgroup: Cgroup): number {
  using counters = cgroup.openCounters();
  return counters.cpuMs();
}

function readTicks(): ReturnType<typeof parseCpu> {
  return parseCpu(readFileSync('/proc/stat', 'utf8'));
}
