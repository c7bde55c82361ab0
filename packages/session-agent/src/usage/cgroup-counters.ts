/** What the kernel counts of one cgroup, read now. A figure is 0 where the kernel has none, or the cgroup is gone. */
export interface CgroupCounters extends Disposable {
  /** CPU time that its processes have used so far, in milliseconds. */
  cpuMs(): number;
  /** All that counts as its memory, in bytes. */
  memoryBytes(): number;
  /** The same without the caches of files on disks, which the kernel takes back when it needs the memory. */
  heldMemoryBytes(): number;
  /** Memory that belongs to processes alone, without files and page cache, in bytes. */
  processMemoryBytes(): number;
  /** How many of its processes the kernel has killed for want of memory so far. */
  outOfMemoryKills(): number;
  /** Processes and threads. */
  pids(): number;
  /** The most of them that there may be; infinite where there is no limit. */
  pidLimit(): number;
  /** Begins to watch for the most memory that it holds. */
  watchPeakMemory(): PeakMemory;
  /** Closes its files: from then on each figure is 0. */
  [Symbol.dispose](): void;
}

/** The most memory that a cgroup has held since the watch began. */
export interface PeakMemory {
  /** To be called now and then: where the kernel keeps no figure of its own for that time, this is how it is seen. */
  look(): void;
  /** In bytes; `null` where the kernel does not tell. */
  read(): number | null;
}
