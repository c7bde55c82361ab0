import { readFileSync } from 'node:fs';
import type { Cgroup } from '../../cgroups/cgroup.ts';
import { parseCpu } from '../../pool/demand/host-load.ts';

/** In busy processes of the host, see `Cgroup.setCpuWeight`. */
const WEIGHTS = { normal: 1, low: 1 / 16 };
const TICK_MS = 1_000;
/** Of the time of all processors. With more of it idle, nobody waits for anybody. */
const MOST_IDLE = 0.2;
/** Who uses less is never a hog. */
const LEAST_CORES = 0.25;
/** Who uses more than this part of what the largest user uses is a hog like that one, so that equal hogs share equally. */
const PART_OF_LARGEST = 0.5;
/** Since a place was last a hog: it may only have waited for others. */
const HOLD_MS = 5_000;

/** The places that use so many cores that others wait for them. @param cores what each used lately, by its name */
export function findHogs(cores: ReadonlyMap<string, number>): string[] {
  const least = Math.max(LEAST_CORES, PART_OF_LARGEST * Math.max(0, ...cores.values()));
  return [...cores].filter(([, used]) => used > least).map(([name]) => name);
}

/** When each place with a low weight was a hog for the last time: those of `before` whose time is not over, and `hogs`. */
export function demotedAfter(
  nowMs: number,
  before: ReadonlyMap<string, number>,
  hogs: readonly string[],
): Map<string, number> {
  const kept = [...before].filter(([, lastMs]) => nowMs - lastMs < HOLD_MS);
  return new Map([...kept, ...hogs.map((name) => [name, nowMs] as const)]);
}

/**
 * Gives a sandbox or runner that keeps the processors busy a low weight, until it has not done so for some seconds: who computes for
 * long loses little by it, and who needs a processor for a moment gets one soon. A multilevel feedback queue of two levels.
 */
export class CpuHogs implements Disposable {
  readonly #instance: Pick<Cgroup, 'children'>;
  readonly #ticking: NodeJS.Timeout;
  #ticks = readTicks();
  #cpuMs = new Map<string, number>();
  #lookedMs = -Infinity;
  #demoted = new Map<string, number>();

  /** @param instance the cgroup that all sandboxes and runners lie in */
  constructor(instance: Pick<Cgroup, 'children'>) {
    this.#instance = instance;
    this.#ticking = setInterval(() => {
      this.#tick();
    }, TICK_MS).unref();
  }

  [Symbol.dispose](): void {
    clearInterval(this.#ticking);
  }

  #tick(): void {
    const nowMs = performance.now();
    const places = new Map(this.#instance.children().map((cgroup) => [cgroup.path, cgroup]));
    const hogs = this.#isBusy() ? findHogs(this.#readCores(nowMs, places)) : [];
    const before = this.#demoted;
    this.#demoted = demotedAfter(nowMs, before, hogs);
    // Each time, for a sandbox that is lent meanwhile is given a normal weight.
    for (const path of hogs) places.get(path)?.setCpuWeight(WEIGHTS.low);
    for (const path of before.keys()) {
      if (!this.#demoted.has(path)) places.get(path)?.setCpuWeight(WEIGHTS.normal);
    }
  }

  /** Whether the processors had little idle time since the last tick. */
  #isBusy(): boolean {
    const before = this.#ticks;
    this.#ticks = readTicks();
    const idle = this.#ticks.idleTicks - before.idleTicks;
    return idle <= MOST_IDLE * (this.#ticks.cpuTicks - before.cpuTicks);
  }

  /** What each place has used on average since the last time, where that was not long ago. */
  #readCores(nowMs: number, places: ReadonlyMap<string, Cgroup>): Map<string, number> {
    const elapsedMs = nowMs - this.#lookedMs;
    const before = elapsedMs < 2 * TICK_MS ? this.#cpuMs : new Map<string, number>();
    this.#lookedMs = nowMs;
    this.#cpuMs = new Map([...places].map(([path, cgroup]) => [path, cpuMsOf(cgroup)]));
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
