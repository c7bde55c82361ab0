/** Block size of the file system in the image; also the smallest size of a file. */
const BLOCK_BYTES = 4096;
const BLOCKS_PER_GROUP = 8 * BLOCK_BYTES;
/** One inode per this many bytes, which limits the number of files. */
const BYTES_PER_FILE = 8192;
const INODE_BYTES = 256;
/** Overhead of each group: two bitmaps, and copies of the superblock and group descriptors. */
const GROUP_BYTES = 4 * BLOCK_BYTES;
/** ext4 reserves 2 % for its own use, but at most 4096 blocks. */
const RESERVED_SHARE = 0.021;
const MAX_RESERVED_BYTES = 4096 * BLOCK_BYTES;
const FIXED_BYTES = 2 * 2 ** 20;

/** Size of an image whose file system has room for `sizeBytes` of files. */
export function imageBytes(sizeBytes: number): number {
  const inodes = (sizeBytes / BYTES_PER_FILE) * INODE_BYTES;
  const groups = Math.ceil(sizeBytes / (BLOCKS_PER_GROUP * BLOCK_BYTES)) + 1;
  const reserved = Math.min(MAX_RESERVED_BYTES, sizeBytes * RESERVED_SHARE);
  const bytes = sizeBytes + inodes + groups * GROUP_BYTES + reserved + FIXED_BYTES;
  return Math.ceil(bytes / BLOCK_BYTES) * BLOCK_BYTES;
}

/** Maximum number of files on a file system with room for `sizeBytes`. */
export function fileCount(sizeBytes: number): number {
  return Math.max(1024, Math.floor(sizeBytes / BYTES_PER_FILE));
}

/** Largest room for files of an image that fits into `bytes`; 0 if none fits. */
export function usableBytes(bytes: number): number {
  let [fits, tooLarge] = [0, bytes + 1];
  while (tooLarge - fits > BLOCK_BYTES) {
    const middle = Math.floor((fits + tooLarge) / 2);
    if (imageBytes(middle) <= bytes) fits = middle;
    else tooLarge = middle;
  }
  return fits;
}
