import { availableParallelism, cpus, loadavg, release, totalmem } from 'node:os';

/** Where and when it was measured; `load` is that of the last minute, and shows other activity. */
export interface Machine {
  readonly at: string;
  readonly cores: number;
  readonly processor: string;
  readonly kernel: string;
  readonly memoryMib: number;
  readonly node: string;
  readonly load: number;
}

export function describeMachine(now: Date): Machine {
  return {
    at: now.toISOString(),
    cores: availableParallelism(),
    processor: cpus()[0]?.model ?? 'unknown',
    kernel: release(),
    memoryMib: Math.round(totalmem() / 2 ** 20),
    node: process.version,
    load: loadAverage(),
  };
}

/** Load average of the last minute. */
export function loadAverage(): number {
  return loadavg()[0] ?? NaN;
}
