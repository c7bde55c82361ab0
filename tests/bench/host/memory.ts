import { readFileSync } from 'node:fs';

export interface Memory {
  /** Private pages, and its share of shared pages. */
  readonly pssMib: number;
  /** Private pages only. */
  readonly ussMib: number;
}

/** @param text content of /proc/PID/smaps_rollup */
export function parseSmapsRollup(text: string): Memory {
  const kib = (name: string): number =>
    Number(new RegExp(`^${name}:\\s+(\\d+) kB$`, 'm').exec(text)?.[1] ?? 0);
  return { pssMib: kib('Pss') / 1024, ussMib: (kib('Private_Clean') + kib('Private_Dirty')) / 1024 };
}

/** Total of the processes; those that have ended count as 0. */
export function memoryOf(pids: readonly number[]): Memory {
  const all = pids.map((pid) => parseSmapsRollup(readRollup(pid)));
  const sum = (key: keyof Memory): number => all.reduce((total, memory) => total + memory[key], 0);
  return { pssMib: sum('pssMib'), ussMib: sum('ussMib') };
}

function readRollup(pid: number): string {
  try {
    return readFileSync(`/proc/${pid}/smaps_rollup`, 'utf8');
  } catch {
    return '';
  }
}
