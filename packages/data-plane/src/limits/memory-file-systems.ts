import type { Resources } from '@caisson/protocol/ports';

const MIB = 2 ** 20;
/** An empty file takes about 1 KiB of kernel memory that the size limit does not count. */
const BYTES_PER_FILE = 1024;

/** Sizes of the file systems in memory that every sandbox has in addition to its workspace. */
export const TMP_BYTES = 64 * MIB;
export const SHM_BYTES = 64 * MIB;

/** Mount options that limit a tmpfs to `sizeBytes`, and its number of files accordingly. */
export function tmpfsLimits(sizeBytes: number): string[] {
  return [`size=${sizeBytes}`, `nr_inodes=${Math.max(1024, Math.floor(sizeBytes / BYTES_PER_FILE))}`];
}

/** Memory limit of the cgroup, in bytes. It includes files in memory, which count like the memory of processes. */
export function cgroupMemoryBytes(resources: Resources): number {
  return resources.memoryBytes + resources.diskBytes + TMP_BYTES + SHM_BYTES;
}

/** The largest file that code may write, in bytes. */
export function fileSizeBytes(resources: Resources): number {
  return Math.max(resources.diskBytes, TMP_BYTES);
}
