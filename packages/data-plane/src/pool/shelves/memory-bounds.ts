import type { HostLoad } from '../demand/host-load.ts';

/** Of the memory that is there for it, as much may be held ready. */
const SHARE_HELD = 0.1;
/** What one more takes, if not known better: a warmed Node, the largest kernel, with its container. */
const SANDBOX_BYTES = 48 * 2 ** 20;

/** In percent of time: where processes begin to wait for memory, and where that is over. */
const STALL_BEGINS = 10;
const STALL_ENDS = 1;
/**
 * Waiting tells of the host only where less than this part of its memory is available. Where more is, it is that of cgroups at
 * limits of their own, and any tenant can bring it about in a sandbox. What emptied pools give back is less than lies between.
 */
const WAITING_COUNTS_BELOW = 0.25;
const WAITING_COUNTS_UNTIL = 0.3;
/** Parts of the memory that is available that decide alone, on kernels that do not tell of waiting. */
const SCARCE_BELOW = 0.08;
const SCARCE_UNTIL = 0.15;

type MemoryLoad = Pick<HostLoad, 'availableBytes' | 'totalBytes' | 'memoryStallPercent'>;

/** Whether memory is scarce. Where it ends lies far from where it begins, so that pools are not emptied and refilled in turn. */
export function isMemoryScarce(before: boolean, load: MemoryLoad): boolean {
  const { memoryStallPercent: stall, availableBytes, totalBytes } = load;
  const available = availableBytes / totalBytes;
  if (stall === undefined) return before ? available < SCARCE_UNTIL : available < SCARCE_BELOW;
  if (before) return available < WAITING_COUNTS_UNTIL && stall > STALL_ENDS;
  return available < WAITING_COUNTS_BELOW && stall >= STALL_BEGINS;
}

/** Whether one more sandbox may be made ready. `heldBytes` is what the ready ones hold, `filling` how many are being made. */
export function hasRoomForOneMore(
  load: Pick<MemoryLoad, 'availableBytes'>,
  held: { readonly heldBytes: number; readonly filling: number },
): boolean {
  const budgetBytes = SHARE_HELD * (load.availableBytes + held.heldBytes);
  return held.heldBytes + (held.filling + 1) * SANDBOX_BYTES <= budgetBytes;
}
