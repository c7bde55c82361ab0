import type { StateFile } from '../state-file.ts';

const MEMORY = 'memory.limit_in_bytes';
const WITH_SWAP = 'memory.memsw.limit_in_bytes';

/**
 * Limits memory without swap; returns whether the kernel accepted it. The limit with swap may never be below the one without, so
 * the order depends on whether they rise or fall. Not every kernel counts swap.
 */
export function setMemoryLimitV1(file: (name: string) => StateFile, bytes: number): boolean {
  const [memory, withSwap] = [file(MEMORY), file(WITH_SWAP)];
  if (withSwap.read() === undefined) return memory.write(String(bytes));
  const raised = bytes > Number(memory.read());
  const order = raised ? [withSwap, memory] : [memory, withSwap];
  return order.every((each) => each.write(String(bytes)));
}
