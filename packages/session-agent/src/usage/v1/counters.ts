import type { CgroupCounters, PeakMemory } from '../cgroup-counters.ts';
import { CgroupFiles, limitValue, statValue } from '../cgroup-files.ts';
import type { LocateCgroupFile } from '../cgroup-files.ts';
import { PeakMemoryV1 } from './peak-memory.ts';

const CACHES = ['total_active_file', 'total_inactive_file', 'total_slab_reclaimable'];

/** A cgroup of version 1, which lies in a hierarchy for each controller. */
export class CgroupCountersV1 implements CgroupCounters {
  readonly #files: CgroupFiles;

  constructor(locate: LocateCgroupFile) {
    this.#files = new CgroupFiles(locate);
  }

  cpuMs(): number {
    return Number(this.#files.read('cpuacct', 'cpuacct.usage') ?? 0) / 1e6;
  }

  memoryBytes(): number {
    return Number(this.#files.read('memory', 'memory.usage_in_bytes') ?? 0);
  }

  heldMemoryBytes(): number {
    const stat = this.#files.read('memory', 'memory.stat');
    return CACHES.reduce((held, name) => held - statValue(stat, name), this.memoryBytes());
  }

  processMemoryBytes(): number {
    return statValue(this.#files.read('memory', 'memory.stat'), 'total_rss');
  }

  outOfMemoryKills(): number {
    return statValue(this.#files.read('memory', 'memory.oom_control'), 'oom_kill');
  }

  pids(): number {
    return Number(this.#files.read('pids', 'pids.current') ?? 0);
  }

  pidLimit(): number {
    return limitValue(this.#files.read('pids', 'pids.max'));
  }

  watchPeakMemory(): PeakMemory {
    return new PeakMemoryV1(this.#files);
  }

  [Symbol.dispose](): void {
    this.#files[Symbol.dispose]();
  }
}
