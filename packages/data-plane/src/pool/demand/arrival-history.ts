/** Time constant of the recent rate: a request this old counts about a third of a new one. */
const MEMORY_MS = 120_000;
/** Older requests make less than a hundredth of the recent rate. */
export const RECENT_MS = 5 * MEMORY_MS;
export const SLOT_MS = 15 * 60_000;
const SLOTS_PER_DAY = (24 * 3600_000) / SLOT_MS;
/** Weight of the newest day in the mean of days. */
const NEWEST_DAY = 0.5;
const FORGOTTEN_DAYS = 14;
/** Older requests do not count in the usual rate. */
export const USUAL_MS = FORGOTTEN_DAYS * SLOTS_PER_DAY * SLOT_MS;

/** When requests of one class arrived, in the detail that a forecast needs. Times are milliseconds since 1970, UTC. */
export interface ArrivalHistory {
  /** Recent arrivals per millisecond, as of `atMs`; it decays from then on. */
  readonly rate: number;
  readonly atMs: number;
  /** For each quarter of an hour of the day, the mean number of arrivals per day; later days weigh more. */
  readonly profile: readonly (number | undefined)[];
  /** The current slot, counted since 1970, and the arrivals in it so far. */
  readonly slot: number;
  readonly slotCount: number;
}

export function newArrivalHistory(nowMs: number): ArrivalHistory {
  const profile = Array.from({ length: SLOTS_PER_DAY }, () => undefined);
  return { rate: 0, atMs: nowMs, profile, slot: slotAt(nowMs), slotCount: 0 };
}

/** The history with one more arrival, now. */
export function recordArrival(nowMs: number, history: ArrivalHistory): ArrivalHistory {
  const { profile, slot, slotCount } = closeSlots(nowMs, history);
  return {
    profile,
    slot,
    slotCount: slotCount + 1,
    rate: recentRate(nowMs, history) + 1 / MEMORY_MS,
    atMs: nowMs,
  };
}

/** Arrivals per millisecond of the last minutes. */
export function recentRate(nowMs: number, { rate, atMs }: ArrivalHistory): number {
  return rate * Math.exp(-Math.max(0, nowMs - atMs) / MEMORY_MS);
}

/** Arrivals per millisecond at this time on earlier days; 0 where none are known. */
export function usualRate(nowMs: number, history: ArrivalHistory): number {
  const { profile } = closeSlots(nowMs, history);
  return (profile[slotAt(nowMs) % SLOTS_PER_DAY] ?? 0) / SLOT_MS;
}

/** Adds the slots that have ended to the profile: the last one, and the empty ones after it. */
function closeSlots(
  nowMs: number,
  history: ArrivalHistory,
): Pick<ArrivalHistory, 'profile' | 'slot' | 'slotCount'> {
  const slot = slotAt(nowMs);
  if (slot <= history.slot) return history;
  const profile = [...history.profile];
  // After so many days without arrivals, nothing of the profile is left.
  const last = Math.min(slot, history.slot + FORGOTTEN_DAYS * SLOTS_PER_DAY);
  for (let ended = history.slot; ended < last; ended++) {
    const count = ended === history.slot ? history.slotCount : 0;
    const before = profile[ended % SLOTS_PER_DAY];
    profile[ended % SLOTS_PER_DAY] =
      before === undefined ? count : NEWEST_DAY * count + (1 - NEWEST_DAY) * before;
  }
  return { profile, slot, slotCount: 0 };
}

function slotAt(nowMs: number): number {
  return Math.floor(nowMs / SLOT_MS);
}
