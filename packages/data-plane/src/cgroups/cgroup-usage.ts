import type { Measurement, Usage, UsageMeter } from '@caisson/session-agent';
import type { CgroupFiles } from './cgroup.ts';
import { PeakMemory } from './peak-memory.ts';

/** How often the memory of the processes is looked at while a step runs. */
const WATCH_INTERVAL_MS = 100;
/** Part of the limit of processes from which on a sandbox counts as full of them. */
const MANY_PROCESSES = 0.9;

/** Something that holds memory, and whose code can be ended for it. */
export interface MemoryHolder {
  /** What it holds, in bytes, but for what the kernel can take back. */
  heldBytes(): number;
  /** Has the step that runs now, if any, end as one that ran out of memory. */
  runOutOfMemory(): void;
}

/**
 * Measures a sandbox by its cgroup. `memoryLimitBytes` is what its processes may hold; the cgroup's own limit lies
 * above it by the size of the file systems in memory, which count there too, so that a full disk is told apart from
 * full memory. The kernel enforces that sum at every moment, this meter the part for processes.
 */
export class CgroupUsageMeter implements UsageMeter, MemoryHolder {
  readonly #cgroup: CgroupFiles;
  readonly #memoryLimitBytes: number;
  /** Of what is measured now: each ends it for want of memory. */
  readonly #exceeds = new Set<() => void>();

  constructor(cgroup: CgroupFiles, memoryLimitBytes: number) {
    this.#cgroup = cgroup;
    this.#memoryLimitBytes = memoryLimitBytes;
  }

  heldBytes(): number {
    return readHeldMemory(this.#cgroup);
  }

  runOutOfMemory(): void {
    for (const exceed of [...this.#exceeds]) exceed();
  }

  begin(onMemoryExceeded: () => void): Measurement {
    const cgroup = this.#cgroup;
    const cpuBeforeMs = readCpuMs(cgroup);
    const killsBefore = readOutOfMemoryKills(cgroup);
    const peakMemory = new PeakMemory(cgroup);
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
      if (readProcessMemory(cgroup) > this.#memoryLimitBytes) exceed();
    }, WATCH_INTERVAL_MS).unref();
    this.#exceeds.add(exceed);
    return {
      end: () => {
        clearInterval(watch);
        this.#exceeds.delete(exceed);
        usage ??= {
          cpuMs: Math.max(0, readCpuMs(cgroup) - cpuBeforeMs),
          peakMemoryBytes: peakMemory.read(),
          outOfMemory: exceeded || readOutOfMemoryKills(cgroup) > killsBefore,
          outOfProcesses: isOutOfProcesses(cgroup),
        };
        return usage;
      },
    };
  }
}

/** Processor time that all that was ever in it has used, in milliseconds. */
export function readCpuMs(cgroup: CgroupFiles): number {
  if (cgroup.isV2) return (statValue(cgroup.read('cpu', 'cpu.stat'), 'usage_usec') ?? 0) / 1e3;
  return Number(cgroup.read('cpuacct', 'cpuacct.usage') ?? 0) / 1e6;
}

/** Memory that belongs to processes alone, without files and page cache, in bytes. */
export function readProcessMemory(cgroup: CgroupFiles): number {
  const stat = cgroup.read('memory', 'memory.stat');
  return statValue(stat, cgroup.isV2 ? 'anon' : 'total_rss') ?? 0;
}

/** All that counts as the cgroup's memory, in bytes. */
export function readMemory(cgroup: CgroupFiles): number {
  return Number(cgroup.read('memory', cgroup.isV2 ? 'memory.current' : 'memory.usage_in_bytes') ?? 0);
}

/** The same without the caches of files on disks, which the kernel takes back when it needs the memory. */
export function readHeldMemory(cgroup: CgroupFiles): number {
  const stat = cgroup.read('memory', 'memory.stat');
  const prefix = cgroup.isV2 ? '' : 'total_';
  const caches = ['active_file', 'inactive_file', 'slab_reclaimable'].map(
    (name) => statValue(stat, `${prefix}${name}`) ?? 0,
  );
  return caches.reduce((held, bytes) => held - bytes, readMemory(cgroup));
}

function readOutOfMemoryKills(cgroup: CgroupFiles): number {
  const events = cgroup.isV2
    ? cgroup.read('memory', 'memory.events')
    : cgroup.read('memory', 'memory.oom_control');
  return statValue(events, 'oom_kill') ?? 0;
}

function isOutOfProcesses(cgroup: CgroupFiles): boolean {
  const [current, limit] = ['pids.current', 'pids.max'].map((name) => Number(cgroup.read('pids', name)));
  return current !== undefined && limit !== undefined && current > limit * MANY_PROCESSES;
}

/** Value of `key` in a file of lines `key value`. */
export function statValue(text: string | undefined, key: string): number | undefined {
  const line = text?.split('\n').find((candidate) => candidate.startsWith(`${key} `));
  return line === undefined ? undefined : Number(line.slice(key.length + 1));
}
