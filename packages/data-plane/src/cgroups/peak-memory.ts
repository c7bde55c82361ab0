import type { CgroupFiles } from './cgroup.ts';

/**
 * The most memory that a cgroup held since this was made. On v1 the kernel's own figure begins anew; on v2 it is that of
 * the cgroup's whole life, in which other steps and jobs may have held more, so it counts only if it has risen since.
 * Else the most that `look` has seen is told, which may miss a short peak.
 */
export class PeakMemory {
  readonly #cgroup: CgroupFiles;
  readonly #lifePeakBefore: number;
  #mostSeen = 0;

  constructor(cgroup: CgroupFiles) {
    this.#cgroup = cgroup;
    if (!cgroup.isV2) cgroup.write('memory', 'memory.max_usage_in_bytes', '0');
    this.#lifePeakBefore = cgroup.isV2 ? this.#bytes('memory.peak') : 0;
    this.look();
  }

  /** To be called now and then. */
  look(): void {
    if (this.#cgroup.isV2) this.#mostSeen = Math.max(this.#mostSeen, this.#bytes('memory.current'));
  }

  /** In bytes; `null` where the kernel does not tell. */
  read(): number | null {
    this.look();
    const peak = this.#bytes(this.#cgroup.isV2 ? 'memory.peak' : 'memory.max_usage_in_bytes');
    return (peak > this.#lifePeakBefore ? peak : this.#mostSeen) || null;
  }

  /** 0 where there is no such file: v2 has `memory.peak` since Linux 5.19 only. */
  #bytes(name: string): number {
    return Number(this.#cgroup.read('memory', name) ?? 0);
  }
}
