import { readFileSync } from 'node:fs';

/** The load of the host. */
export interface HostLoad {
  /** Memory that programs can still get, and the total. */
  readonly availableBytes: number;
  readonly totalBytes: number;
  /** Percent of the last ten seconds in which a process waited for memory; `undefined` where the kernel does not measure it. */
  readonly memoryStallPercent: number | undefined;
  /** Time of all processors since boot, in ticks, and how much of it they were idle. */
  readonly cpuTicks: number;
  readonly idleTicks: number;
}

/** Reads the load of this host: three small files, 0.1 ms. */
export function readHostLoad(): HostLoad {
  return {
    ...parseMemory(readFileSync('/proc/meminfo', 'utf8')),
    ...parseCpu(readFileSync('/proc/stat', 'utf8')),
    memoryStallPercent: parseStall(readIfThere('/proc/pressure/memory')),
  };
}

/** From the text of /proc/meminfo; see proc_meminfo(5). */
export function parseMemory(text: string): Pick<HostLoad, 'availableBytes' | 'totalBytes'> {
  const read = (name: string) => Number(new RegExp(`^${name}: *(\\d+) kB$`, 'm').exec(text)?.[1] ?? 0) * 1024;
  return { availableBytes: read('MemAvailable'), totalBytes: read('MemTotal') };
}

/** From the text of /proc/stat; see proc_stat(5). */
export function parseCpu(text: string): Pick<HostLoad, 'cpuTicks' | 'idleTicks'> {
  const [user = 0, nice = 0, system = 0, idle = 0, ioWait = 0, ...others] =
    /^cpu +(.*)$/m.exec(text)?.[1]?.split(' ').map(Number) ?? [];
  const [irq = 0, softIrq = 0, steal = 0] = others;
  const idleTicks = idle + ioWait;
  return { idleTicks, cpuTicks: idleTicks + user + nice + system + irq + softIrq + steal };
}

/** From the text of /proc/pressure/memory. */
export function parseStall(text: string | undefined): number | undefined {
  const value = /^some avg10=([\d.]+)/m.exec(text ?? '')?.[1];
  return value === undefined ? undefined : Number(value);
}

/** Kernels without pressure stall information lack the file; kernels with it switched off refuse to read it. */
function readIfThere(path: string): string | undefined {
  try {
    return readFileSync(path, 'utf8');
  } catch (error) {
    if (['ENOENT', 'EOPNOTSUPP'].includes((error as NodeJS.ErrnoException).code ?? '')) return undefined;
    throw error;
  }
}
