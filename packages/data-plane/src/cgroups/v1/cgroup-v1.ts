import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { CgroupCountersV1 } from '@caisson/session-agent';
import type { CgroupCounters } from '@caisson/session-agent';
import type { CgroupLayout } from '../cgroup-layout.ts';
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
import { freezeV1, thawV1 } from './freezer.ts';
import { setMemoryLimitV1 } from './memory-limit.ts';

/** Controllers used here; the others belong to the OCI runtime. */
const CONTROLLERS = ['memory', 'pids', 'cpu', 'cpuacct'];
/** `cpu.shares` of a process that is in no cgroup. */
const SHARES_OF_A_PROCESS = 1024;
/** Limit for the socket buffers of one sandbox or cell, in addition to its memory. */
const SOCKET_MEMORY_BYTES = 16 * 2 ** 20;

/** A cgroup of version 1: a directory in the hierarchy of each controller. */
export class CgroupV1 implements Cgroup {
  readonly path: string;
  readonly #layout: CgroupLayout;

  constructor(layout: CgroupLayout, path: string) {
    this.#layout = layout;
    this.path = path;
  }

  make(): void {
    for (const directory of this.#directories()) mkdirSync(directory, { recursive: true });
  }

  /** On v1, every cgroup has the controller of its hierarchy. */
  delegate(): void {
    // Nothing to enable.
  }

  limit({ memoryBytes, cpuQuotaUs, pids }: CgroupLimits): void {
    const limited = [
      memoryBytes === undefined || setMemoryLimitV1((name) => this.#file('memory', name), memoryBytes),
      cpuQuotaUs === undefined ||
        (this.#write('cpu', 'cpu.cfs_period_us', CPU_PERIOD_US) &&
          this.#write('cpu', 'cpu.cfs_quota_us', cpuQuotaUs)),
      pids === undefined || this.#write('pids', 'pids.max', pids),
    ];
    if (!limited.every(Boolean)) throw new Error(`the cgroup ${this.path} does not accept its limits`);
  }

  setCpuWeight(processes: number): void {
    this.#write('cpu', 'cpu.shares', Math.floor(SHARES_OF_A_PROCESS * processes));
  }

  /** The kernel does not count socket buffers before this file is written. */
  limitSocketMemory(): void {
    if (!this.#write('memory', 'memory.kmem.tcp.limit_in_bytes', SOCKET_MEMORY_BYTES))
      throw new Error(
        'the memory of sockets cannot be limited: this kernel has no memory.kmem.tcp.limit_in_bytes',
      );
  }

  openCounters(): CgroupCounters {
    return new CgroupCountersV1((controller, name) => this.#pathOf(controller, name));
  }

  children(): readonly Cgroup[] {
    const directory = this.#directory('cpu');
    if (directory === undefined) return [];
    return childrenOf(directory).map((name) => new CgroupV1(this.#layout, `${this.path}/${name}`));
  }

  processes(): number[] {
    const directory = this.#directory('pids');
    return directory === undefined ? [] : processesBelow(directory);
  }

  /**
   * Writing to `tasks` moves one thread without the lock of `cgroup.procs`, which waits for every fork and exit of the host: 0.05
   * ms instead of 15. A child that was just forked has only one thread.
   */
  entrances(): readonly string[] {
    return this.#directories().map((directory) => join(directory, 'tasks'));
  }

  directories(): { pids: string; freezer: string } {
    const pids = this.#directory('pids');
    if (pids === undefined)
      throw new Error('this host has no cgroup controller pids: enable it in the kernel');
    return { pids, freezer: this.#directory('freezer') ?? pids };
  }

  async freeze(signal: AbortSignal): Promise<void> {
    const frozen = await freezeV1(this.#file('freezer', 'freezer.state'), signal);
    if (!frozen && this.processes().length > 0) throw new Error(`the cgroup ${this.path} cannot be frozen`);
  }

  async thaw(signal: AbortSignal): Promise<void> {
    await thawV1(this.#file('freezer', 'freezer.state'), signal);
  }

  async kill(signal: AbortSignal): Promise<void> {
    await until(() => {
      const alive = this.processes();
      for (const pid of alive) sendSignal(pid, 'SIGKILL');
      if (alive.length > 0) this.#thawAll();
      return alive.length === 0;
    }, signal);
  }

  async remove(signal: AbortSignal): Promise<void> {
    for (const mountPoint of this.#layout.mountPoints) await removeTree(join(mountPoint, this.path), signal);
  }

  /** A frozen process dies of SIGKILL only once thawed, and a cgroup may be frozen even if its parent is not. */
  #thawAll(): void {
    const top = this.#directory('freezer');
    if (top === undefined) return;
    for (const directory of withSubdirectories(top))
      writeCgroupFile(join(directory, 'freezer.state'), 'THAWED');
  }

  #directory(controller: string): string | undefined {
    const mountPoint = this.#layout.controllers.get(controller);
    return mountPoint === undefined ? undefined : join(mountPoint, this.path);
  }

  /** Directories of all controllers, each once. */
  #directories(): string[] {
    return [...new Set(CONTROLLERS.flatMap((controller) => this.#directory(controller) ?? []))];
  }

  #pathOf(controller: string, name: string): string | undefined {
    const directory = this.#directory(controller);
    return directory === undefined ? undefined : join(directory, name);
  }

  #file(controller: string, name: string) {
    const path = this.#pathOf(controller, name);
    return {
      read: () => readCgroupFile(path),
      write: (value: string) => writeCgroupFile(path, value),
    };
  }

  #write(controller: string, name: string, value: number): boolean {
    return writeCgroupFile(this.#pathOf(controller, name), String(value));
  }
}
