import type { PeakMemory } from '../cgroup-counters.ts';
import type { CgroupFiles } from '../cgroup-files.ts';

/**
 * The kernel's own figure is that of the cgroup's whole life, in which other steps and jobs may have held more, so it counts only if
 * it has risen since. Else the most that `look` has seen is told, which may miss a short peak.
 */
export class PeakMemoryV2 implements PeakMemory {
  readonly #files: CgroupFiles;
  readonly #lifePeakBefore: number;
  #mostSeen = 0;

  constructor(files: CgroupFiles) {
    this.#files = files;
    this.#lifePeakBefore = this.#bytes('memory.peak');
    this.look();
  }

  look(): void {
    this.#mostSeen = Math.max(this.#mostSeen, this.#bytes('memory.current'));
  }

  read(): number | null {
    this.look();
    const peak = this.#bytes('memory.peak');
    return (peak > this.#lifePeakBefore ? peak : this.#mostSeen) || null;
  }

  /** 0 where there is no such file: there is a `memory.peak` since Linux 5.19 only. */
  #bytes(name: string): number {
    return Number(this.#files.read('memory', name) ?? 0);
  }
}
