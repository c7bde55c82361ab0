/** When sandboxes hold more than the first part of what they may, they give up what is above the second. */
const TOO_MUCH = 0.9;
const ENOUGH = 0.8;
/** Below this part of what is kept for the machine, what sandboxes hold is too much, whatever they may. */
const RESERVE_LEFT = 0.5;

export interface MemoryState {
  /** What all sandboxes hold that cannot be given back without them, and the most they may. */
  readonly heldBytes: number;
  readonly limitBytes: number;
  /** Of the whole machine, and how much of it is to be kept. */
  readonly availableBytes: number;
  readonly reserveBytes: number;
}

/** How much memory sandboxes must give up now, in bytes; 0 while there is enough. */
export function bytesToGiveUp(state: MemoryState): number {
  const { heldBytes, limitBytes, availableBytes, reserveBytes } = state;
  const ofSandboxes = heldBytes > limitBytes * TOO_MUCH ? heldBytes - limitBytes * ENOUGH : 0;
  const ofMachine = availableBytes < reserveBytes * RESERVE_LEFT ? reserveBytes - availableBytes : 0;
  return Math.ceil(Math.max(ofSandboxes, ofMachine));
}

/** Whether so much is held that nothing more should be made ready ahead. */
export function isTight({ heldBytes, limitBytes }: Pick<MemoryState, 'heldBytes' | 'limitBytes'>): boolean {
  return heldBytes > limitBytes * ENOUGH;
}

/** Whether something that takes `bytes` can begin without others having to give up what they hold. */
export function canBegin(state: MemoryState, bytes: number): boolean {
  const { heldBytes, limitBytes, availableBytes, reserveBytes } = state;
  return availableBytes - bytes >= reserveBytes && heldBytes + bytes <= limitBytes * TOO_MUCH;
}

/** Those that hold most, as few as give up `bytes`. */
export function chooseOffenders<Place extends { readonly heldBytes: number }>(
  places: readonly Place[],
  bytes: number,
): Place[] {
  let missing = bytes;
  return places
    .toSorted((one, other) => other.heldBytes - one.heldBytes)
    .filter(({ heldBytes }) => {
      const isNeeded = missing > 0;
      missing -= heldBytes;
      return isNeeded;
    });
}
