/** Of the file system in the image; also the least that a file takes. */
const BLOCK_BYTES = 4096;
const BLOCKS_PER_GROUP = 8 * BLOCK_BYTES;
/** One file for as many bytes, which bounds how many there can be. */
const BYTES_PER_FILE = 8192;
const INODE_BYTES = 256;
/** Two bitmaps, and copies of what describes the file system, of each group. */
const GROUP_BYTES = 4 * BLOCK_BYTES;
/** ext4 keeps back 2 % for its own needs, but 4096 blocks at most. */
const SHARE_KEPT_BACK = 0.021;
const KEPT_BACK_BYTES = 4096 * BLOCK_BYTES;
const FIXED_BYTES = 2 * 2 ** 20;

/** The size of an image whose file system has room for `sizeBytes` of files. */
export function imageBytes(sizeBytes: number): number {
  const inodes = (sizeBytes / BYTES_PER_FILE) * INODE_BYTES;
  const groups = Math.ceil(sizeBytes / (BLOCKS_PER_GROUP * BLOCK_BYTES)) + 1;
  const keptBack = Math.min(KEPT_BACK_BYTES, sizeBytes * SHARE_KEPT_BACK);
  const bytes = sizeBytes + inodes + groups * GROUP_BYTES + keptBack + FIXED_BYTES;
  return Math.ceil(bytes / BLOCK_BYTES) * BLOCK_BYTES;
}

/** How many files, at most, a file system for `sizeBytes` of files can hold. */
export function fileCount(sizeBytes: number): number {
  return Math.max(1024, Math.floor(sizeBytes / BYTES_PER_FILE));
}

/** The most room for files that an image can have where `bytes` are left for it; 0 where none fits. */
export function usableBytes(bytes: number): number {
  let [fits, tooMuch] = [0, bytes + 1];
  while (tooMuch - fits > BLOCK_BYTES) {
    const middle = Math.floor((fits + tooMuch) / 2);
    if (imageBytes(middle) <= bytes) fits = middle;
    else tooMuch = middle;
  }
  return fits;
}
