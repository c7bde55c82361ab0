/** A sandbox or cell whose memory is measured, and whose code can be ended to free it. */
export interface MemoryHolder {
  /** Memory in use, in bytes, without what the kernel can reclaim. */
  heldBytes(): number;
  /** Ends the running step, if any, as `out_of_memory`. */
  runOutOfMemory(): void;
}
