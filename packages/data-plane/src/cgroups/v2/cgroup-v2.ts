import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { CgroupCountersV2 } from '@caisson/session-agent';
import type { CgroupCounters } from '@caisson/session-agent';
import type { Cgroup, CgroupLimits } from '../cgroup.ts';
import {
  childrenOf,
  processesBelow,
  readCgroupFile,
  removeTree,
  until,
  withSubdirectories,
  writeCgroupFile,
} from '../cgroup-tree.ts';
import { CPU_PERIOD_US } from '../cpu-quota.ts';
import { sendSignal } from '../send-signal.ts';
import { delegateControllers } from './delegate-controllers.ts';
import { freezeV2, thawV2 } from './freezer.ts';
import type { FreezerFiles } from './freezer.ts';

/** `cpu.weight` of a process that is in no cgroup, and the maximum of the kernel. */
const WEIGHT_OF_A_PROCESS = 100;
const MAX_WEIGHT = 10_000;

/** A cgroup of version 2: one directory for all controllers. */
export class CgroupV2 implements Cgroup {
  readonly path: string;
  readonly #mountPoint: string;
  readonly #directory: string;

  constructor(mountPoint: string, path: string) {
    this.#mountPoint = mountPoint;
    this.path = path;
    this.#directory = join(mountPoint, path);
  }

  make(): void {
    mkdirSync(this.#directory, { recursive: true });
  }

  delegate(): void {
    delegateControllers(this.#mountPoint, this.path);
  }

  limit({ memoryBytes, cpuQuotaUs, pids }: CgroupLimits): void {
    const limited = [
      memoryBytes === undefined || this.#write('memory.max', String(memoryBytes)),
      cpuQuotaUs === undefined || this.#write('cpu.max', `${cpuQuotaUs} ${CPU_PERIOD_US}`),
      pids === undefined || this.#write('pids.max', String(pids)),
    ];
    if (!limited.every(Boolean)) throw new Error(`the cgroup ${this.path} does not accept its limits`);
    // The file is missing on hosts without swap or swap accounting.
    if (memoryBytes !== undefined) this.#write('memory.swap.max', '0');
  }

  setCpuWeight(processes: number): void {
    // The file exists once the controller is enabled; until then the default applies.
    const weight = Math.min(MAX_WEIGHT, Math.floor(WEIGHT_OF_A_PROCESS * processes));
    this.#write('cpu.weight', String(weight));
  }

  /** Socket buffers count as memory. */
  limitSocketMemory(): void {
    // The memory limit covers them.
  }

  openCounters(): CgroupCounters {
    return new CgroupCountersV2((_controller, name) => this.#pathOf(name));
  }

  children(): readonly Cgroup[] {
    return childrenOf(this.#directory).map((name) => new CgroupV2(this.#mountPoint, `${this.path}/${name}`));
  }

  processes(): number[] {
    return processesBelow(this.#directory);
  }

  entrances(): readonly string[] {
    return [this.#pathOf('cgroup.procs')];
  }

  directories(): { pids: string; freezer: string } {
    return { pids: this.#directory, freezer: this.#directory };
  }

  async freeze(signal: AbortSignal): Promise<void> {
    const frozen = await freezeV2(this.#freezer(), signal);
    if (!frozen && this.processes().length > 0) throw new Error(`the cgroup ${this.path} cannot be frozen`);
  }

  async thaw(signal: AbortSignal): Promise<void> {
    await thawV2(this.#freezer(), signal);
  }

  async kill(signal: AbortSignal): Promise<void> {
    const atOnce = this.#write('cgroup.kill', '1');
    await until(() => {
      const alive = this.processes();
      if (!atOnce) for (const pid of alive) sendSignal(pid, 'SIGKILL');
      if (alive.length > 0) this.#thawAll();
      return alive.length === 0;
    }, signal);
  }

  async remove(signal: AbortSignal): Promise<void> {
    await removeTree(this.#directory, signal);
  }

  /** A cgroup may be frozen even if its parent is not. */
  #thawAll(): void {
    for (const directory of withSubdirectories(this.#directory))
      writeCgroupFile(join(directory, 'cgroup.freeze'), '0');
  }

  #freezer(): FreezerFiles {
    return {
      freeze: { write: (value) => this.#write('cgroup.freeze', value) },
      events: { read: () => readCgroupFile(this.#pathOf('cgroup.events')) },
    };
  }

  #pathOf(name: string): string {
    return join(this.#directory, name);
  }

  #write(name: string, value: string): boolean {
    return writeCgroupFile(this.#pathOf(name), value);
  }
}
