import type { HostLoad } from './host-load.ts';

/** Of the memory that is there for it, as much may be held ready. */
const SHARE_HELD = 0.1;
/** What one more takes, if not known better: a warmed Node, the largest kernel, with its container. */
const SANDBOX_BYTES = 48 * 2 ** 20;

/** In percent of time: where processes begin to wait for memory, and where that is over. */
const STALL_BEGINS = 10;
const STALL_ENDS = 1;
/** The same as parts of the memory that is available, for kernels that do not tell of waiting. */
const SCARCE_BELOW = 0.08;
const SCARCE_UNTIL = 0.15;

type MemoryLoad = Pick<HostLoad, 'availableBytes' | 'totalBytes' | 'memoryStallPercent'>;

/** Whether memory is scarce. Where it ends lies far from where it begins, so that pools are not emptied and refilled in turn. */
export function isMemoryScarce(before: boolean, load: MemoryLoad): boolean {
  const { memoryStallPercent: stall, availableBytes, totalBytes } = load;
  if (stall !== undefined) return before ? stall > STALL_ENDS : stall >= STALL_BEGINS;
  const available = availableBytes / totalBytes;
  return before ? available < SCARCE_UNTIL : available < SCARCE_BELOW;
}

/** Whether one more sandbox may be made ready. `heldBytes` is what the ready ones hold, `filling` how many are being made. */
export function hasRoomForOneMore(
  load: Pick<MemoryLoad, 'availableBytes'>,
  held: { readonly heldBytes: number; readonly filling: number },
): boolean {
  const budgetBytes = SHARE_HELD * (load.availableBytes + held.heldBytes);
  return held.heldBytes + (held.filling + 1) * SANDBOX_BYTES <= budgetBytes;
}
