import type { Resources } from '@caisson/protocol/ports';

const MIB = 2 ** 20;
/** An empty file takes kernel memory that no size limit counts, about 1 KiB. */
const BYTES_PER_FILE = 1024;

/** Sizes of the file systems in memory that every sandbox has besides its workspace. */
export const TMP_BYTES = 64 * MIB;
export const SHM_BYTES = 64 * MIB;

/** Mount options that bound a tmpfs of `sizeBytes`: its bytes, and the number of its files by what they take. */
export function tmpfsLimits(sizeBytes: number): string[] {
  return [`size=${sizeBytes}`, `nr_inodes=${Math.max(1024, Math.floor(sizeBytes / BYTES_PER_FILE))}`];
}

/** Files in memory count in a cgroup as the memory of processes does, so its limit, in bytes, holds both. */
export function cgroupMemoryBytes(resources: Resources): number {
  return resources.memoryBytes + resources.diskBytes + TMP_BYTES + SHM_BYTES;
}

/** The largest file that code may write, in bytes. */
export function fileSizeBytes(resources: Resources): number {
  return Math.max(resources.diskBytes, TMP_BYTES);
}
