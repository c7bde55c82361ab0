import type { PeakMemory } from '../cgroup-counters.ts';
import type { CgroupFiles } from '../cgroup-files.ts';

/** The kernel's own figure, which begins anew. */
export class PeakMemoryV1 implements PeakMemory {
  readonly #files: CgroupFiles;

  constructor(files: CgroupFiles) {
    this.#files = files;
    files.write('memory', 'memory.max_usage_in_bytes', '0');
  }

  look(): void {
    // The kernel does.
  }

  read(): number | null {
    return Number(this.#files.read('memory', 'memory.max_usage_in_bytes') ?? 0) || null;
  }
}
