/** Something that holds memory, and whose code can be ended for it. */
export interface MemoryHolder {
  /** What it holds, in bytes, but for what the kernel can take back. */
  heldBytes(): number;
  /** Has the step that runs now, if any, end as one that ran out of memory. */
  runOutOfMemory(): void;
}
