import type { CgroupCounters, PeakMemory } from '../cgroup-counters.ts';
import { CgroupFiles, limitValue, statValue } from '../cgroup-files.ts';
import type { LocateCgroupFile } from '../cgroup-files.ts';
import { PeakMemoryV2 } from './peak-memory.ts';

const CACHES = ['active_file', 'inactive_file', 'slab_reclaimable'];

/** A cgroup of version 2, which is one directory for all controllers. */
export class CgroupCountersV2 implements CgroupCounters {
  readonly #files: CgroupFiles;

  constructor(locate: LocateCgroupFile) {
    this.#files = new CgroupFiles(locate);
  }

  cpuMs(): number {
    return statValue(this.#files.read('cpu', 'cpu.stat'), 'usage_usec') / 1e3;
  }

  memoryBytes(): number {
    return Number(this.#files.read('memory', 'memory.current') ?? 0);
  }

  heldMemoryBytes(): number {
    const stat = this.#files.read('memory', 'memory.stat');
    return CACHES.reduce((held, name) => held - statValue(stat, name), this.memoryBytes());
  }

  processMemoryBytes(): number {
    return statValue(this.#files.read('memory', 'memory.stat'), 'anon');
  }

  outOfMemoryKills(): number {
    return statValue(this.#files.read('memory', 'memory.events'), 'oom_kill');
  }

  pids(): number {
    return Number(this.#files.read('pids', 'pids.current') ?? 0);
  }

  pidLimit(): number {
    return limitValue(this.#files.read('pids', 'pids.max'));
  }

  watchPeakMemory(): PeakMemory {
    return new PeakMemoryV2(this.#files);
  }

  [Symbol.dispose](): void {
    this.#files[Symbol.dispose]();
  }
}
