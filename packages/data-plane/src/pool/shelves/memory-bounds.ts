import type { HostLoad } from '../demand/host-load.ts';

/** The part of the available memory that ready sandboxes may hold. */
const SHARE_HELD = 0.1;
/** Estimate for one more: a warmed Node, the largest kernel, with its container. */
const SANDBOX_BYTES = 48 * 2 ** 20;

/** Memory counts as scarce from the first on, and as plentiful below the second; in percent of time. */
const STALL_BEGINS = 10;
const STALL_ENDS = 1;
/**
 * Stalls count only while less than this part of the host's memory is available. With more, they come from cgroups at their own
 * limits, which any tenant can cause. Emptying the pools gives back less than the distance between the two.
 */
const WAITING_COUNTS_BELOW = 0.25;
const WAITING_COUNTS_UNTIL = 0.3;
/** On kernels that do not measure stalls, these parts of the memory decide alone. */
const SCARCE_BELOW = 0.08;
const SCARCE_UNTIL = 0.15;

type MemoryLoad = Pick<HostLoad, 'availableBytes' | 'totalBytes' | 'memoryStallPercent'>;

/** Whether memory is scarce. It ends far from where it begins, so that pools are not emptied and refilled in turn. */
export function isMemoryScarce(before: boolean, load: MemoryLoad): boolean {
  const { memoryStallPercent: stall, availableBytes, totalBytes } = load;
  const available = availableBytes / totalBytes;
  if (stall === undefined) return before ? available < SCARCE_UNTIL : available < SCARCE_BELOW;
  if (before) return available < WAITING_COUNTS_UNTIL && stall > STALL_ENDS;
  return available < WAITING_COUNTS_BELOW && stall >= STALL_BEGINS;
}

/** Whether one more sandbox may be made ready. `heldBytes`: what the ready ones hold; `filling`: how many are being made. */
export function hasRoomForOneMore(
  load: Pick<MemoryLoad, 'availableBytes'>,
  held: { readonly heldBytes: number; readonly filling: number },
): boolean {
  const budgetBytes = SHARE_HELD * (load.availableBytes + held.heldBytes);
  return held.heldBytes + (held.filling + 1) * SANDBOX_BYTES <= budgetBytes;
}
