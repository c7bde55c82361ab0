import type { Measurement, Usage, UsageMeter } from '@caisson/session-agent';
import type { CgroupFiles } from './cgroup.ts';
import { PeakMemory } from './peak-memory.ts';

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
  readonly #cgroup: CgroupFiles;
  readonly #memoryLimitBytes: number;

  constructor(cgroup: CgroupFiles, memoryLimitBytes: number) {
    this.#cgroup = cgroup;
    this.#memoryLimitBytes = memoryLimitBytes;
  }

  begin(onMemoryExceeded: () => void): Measurement {
    const cgroup = this.#cgroup;
    const cpuBeforeMs = readCpuMs(cgroup);
    const killsBefore = readOutOfMemoryKills(cgroup);
    const peakMemory = new PeakMemory(cgroup);
    let exceeded = false;
    let usage: Usage | undefined;
    const watch = setInterval(() => {
      peakMemory.look();
      if (readProcessMemory(cgroup) <= this.#memoryLimitBytes) return;
      exceeded = true;
      clearInterval(watch);
      onMemoryExceeded();
    }, WATCH_INTERVAL_MS).unref();
    return {
      end: () => {
        clearInterval(watch);
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

function readCpuMs(cgroup: CgroupFiles): number {
  if (cgroup.isV2) return (statValue(cgroup.read('cpu', 'cpu.stat'), 'usage_usec') ?? 0) / 1e3;
  return Number(cgroup.read('cpuacct', 'cpuacct.usage') ?? 0) / 1e6;
}

/** Memory that belongs to processes alone, without files and page cache. */
function readProcessMemory(cgroup: CgroupFiles): number {
  const stat = cgroup.read('memory', 'memory.stat');
  return statValue(stat, cgroup.isV2 ? 'anon' : 'total_rss') ?? 0;
}

/** All that counts as the cgroup's memory, in bytes. */
export function readMemory(cgroup: CgroupFiles): number {
  return Number(cgroup.read('memory', cgroup.isV2 ? 'memory.current' : 'memory.usage_in_bytes') ?? 0);
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
