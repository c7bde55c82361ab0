/** Above the first share of their limit, sandboxes must free memory down to the second. */
const HIGH_SHARE = 0.9;
const LOW_SHARE = 0.8;
/** Below this share of the machine's reserve, sandboxes must free memory even if they are within their limit. */
const RESERVE_LEFT = 0.5;

export interface MemoryState {
  /** Memory that is freed only by ending sandboxes, and the limit for all sandboxes together. */
  readonly heldBytes: number;
  readonly limitBytes: number;
  /** Available memory of the whole machine, and how much should stay available. */
  readonly availableBytes: number;
  readonly reserveBytes: number;
}

/** How much memory sandboxes must free now, in bytes; 0 while there is enough. */
export function bytesToFree(state: MemoryState): number {
  const { heldBytes, limitBytes, availableBytes, reserveBytes } = state;
  const overLimit = heldBytes > limitBytes * HIGH_SHARE ? heldBytes - limitBytes * LOW_SHARE : 0;
  const belowReserve = availableBytes < reserveBytes * RESERVE_LEFT ? reserveBytes - availableBytes : 0;
  return Math.ceil(Math.max(overLimit, belowReserve));
}

/** Whether memory is too short to prepare sandboxes ahead. */
export function isTight({ heldBytes, limitBytes }: Pick<MemoryState, 'heldBytes' | 'limitBytes'>): boolean {
  return heldBytes > limitBytes * LOW_SHARE;
}

/** Whether something that takes `bytes` can start without forcing others to free memory. */
export function canStart(state: MemoryState, bytes: number): boolean {
  const { heldBytes, limitBytes, availableBytes, reserveBytes } = state;
  return availableBytes - bytes >= reserveBytes && heldBytes + bytes <= limitBytes * HIGH_SHARE;
}

/** The largest candidates, as few as needed to free `bytes`. */
export function chooseOffenders<Candidate extends { readonly heldBytes: number }>(
  candidates: readonly Candidate[],
  bytes: number,
): Candidate[] {
  let missing = bytes;
  return candidates
    .toSorted((one, other) => other.heldBytes - one.heldBytes)
    .filter(({ heldBytes }) => {
      const isNeeded = missing > 0;
      missing -= heldBytes;
      return isNeeded;
    });
}
