import type { HostLoad } from './host-load.ts';

const FIRST_RETRY_MS = 1_000;
const LAST_RETRY_MS = 60_000;
/** A host whose processors are idle for less than this part of the time is busy. */
const BUSY_BELOW = 0.3;
/** On a busy host, refilling rests for this many times as long as it worked: it takes a fifth of one processor at most. */
const REST = 4;
const AT_ONCE = 2;

/** Whether the processors were busy between two readings. */
export function isBusy(before: HostLoad, now: HostLoad): boolean {
  const ticks = now.cpuTicks - before.cpuTicks;
  return ticks > 0 && (now.idleTicks - before.idleTicks) / ticks < BUSY_BELOW;
}

/** How many sandboxes are made ready at the same time. */
export function refillsAtOnce(busy: boolean): number {
  return busy ? 1 : AT_ONCE;
}

/** Milliseconds to rest after a refill that took `tookMs`. */
export function restMs(busy: boolean, tookMs: number): number {
  return busy ? REST * tookMs : 0;
}

/** Milliseconds to wait after this many failures in a row. */
export function retryDelayMs(failures: number): number {
  return Math.min(LAST_RETRY_MS, FIRST_RETRY_MS * 2 ** (failures - 1));
}
