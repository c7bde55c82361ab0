import type { Measurement, Usage, UsageMeter } from '../engine/ports/usage-meter.ts';
import type { CgroupCounters } from './cgroup-counters.ts';

/** How often the memory of the processes is looked at while a step runs. */
const WATCH_INTERVAL_MS = 100;
/** Part of the limit of processes from which on a sandbox counts as full of them. */
const MANY_PROCESSES = 0.9;

/**
 * Measures a sandbox by its cgroup. `memoryLimitBytes` is what its processes may hold; the cgroup's own limit lies
 * above it by the size of the file systems in memory, which count there too, so that a full disk is told apart from
 * full memory. The kernel enforces that sum at every moment, this meter the part for processes.
 */
export class CgroupUsageMeter implements UsageMeter {
  readonly #counters: CgroupCounters;
  readonly #memoryLimitBytes: number;
  /** Of what is measured now: each ends it for want of memory. */
  readonly #exceeds = new Set<() => void>();

  constructor(counters: CgroupCounters, memoryLimitBytes: number) {
    this.#counters = counters;
    this.#memoryLimitBytes = memoryLimitBytes;
  }

  /** What the sandbox holds, in bytes, but for what the kernel can take back. */
  heldBytes(): number {
    return this.#counters.heldMemoryBytes();
  }

  /** Has the step that runs now, if any, end as one that ran out of memory. */
  runOutOfMemory(): void {
    for (const exceed of [...this.#exceeds]) exceed();
  }

  begin(onMemoryExceeded: () => void): Measurement {
    const counters = this.#counters;
    const cpuBeforeMs = counters.cpuMs();
    const killsBefore = counters.outOfMemoryKills();
    const peakMemory = counters.watchPeakMemory();
    let exceeded = false;
    let usage: Usage | undefined;
    const exceed = () => {
      exceeded = true;
      clearInterval(watch);
      this.#exceeds.delete(exceed);
      onMemoryExceeded();
    };
    const watch = setInterval(() => {
      peakMemory.look();
      if (counters.processMemoryBytes() > this.#memoryLimitBytes) exceed();
    }, WATCH_INTERVAL_MS).unref();
    this.#exceeds.add(exceed);
    return {
      end: () => {
        clearInterval(watch);
        this.#exceeds.delete(exceed);
        usage ??= {
          cpuMs: Math.max(0, counters.cpuMs() - cpuBeforeMs),
          peakMemoryBytes: peakMemory.read(),
          outOfMemory: exceeded || counters.outOfMemoryKills() > killsBefore,
          outOfProcesses: counters.pids() > counters.pidLimit() * MANY_PROCESSES,
        };
        return usage;
      },
    };
  }
}
