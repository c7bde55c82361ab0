import type { CgroupCounters } from '@caisson/session-agent';

/** Cgroups of this host, of either version. */
export interface Cgroups {
  /** The cgroup at the absolute `path` in each hierarchy. It need not exist. */
  at(path: string): Cgroup;
  /** Lowest limits of this process's own cgroups and their ancestors; `Infinity` if there is no limit. */
  ownLimits(): { readonly memoryBytes: number; readonly pids: number };
  /** Mount points that an OCI runtime must not see. */
  readonly hiddenMountPoints: readonly string[];
}

/** One cgroup, at the same path in every hierarchy of the host. */
export interface Cgroup {
  /** Relative to each hierarchy's mount point; begins with `/`. */
  readonly path: string;

  /** Creates it and its ancestors in each hierarchy with a controller that is used. */
  make(): void;
  /**
   * Enables controllers for its child cgroups.
   * @throws Error if this host does not allow it, with how to fix it
   */
  delegate(): void;
  /** @throws Error if this host does not accept the limits */
  limit(limits: CgroupLimits): void;
  /** Gives it the CPU weight of this many busy processes of the host that are in no cgroup. */
  setCpuWeight(processes: number): void;
  /**
   * Limits the buffers of TCP and UDP sockets, if these do not count as memory anyway. Call it before any socket exists: existing
   * ones stay uncounted.
   * @throws Error if they cannot be limited
   */
  limitSocketMemory(): void;

  /** Opens its usage counters. The caller disposes them. */
  openCounters(): CgroupCounters;
  /** Cgroups directly below it. */
  children(): readonly Cgroup[];
  /** Host pids of all processes in it and in the cgroups below it. */
  processes(): number[];
  /** A process enters it by writing `0` to each of these files. */
  entrances(): readonly string[];
  /** Its directories, for a program that kills all processes in it; see `end_processes.py`. */
  directories(): { readonly pids: string; readonly freezer: string };

  /**
   * Freezes every process until `thaw`; resolves when all are frozen.
   * @throws Error if this host cannot, or the reason of `signal`; the processes run again then
   */
  freeze(signal: AbortSignal): Promise<void>;
  /** Resumes every process; resolves when all are running. @throws the reason of `signal` */
  thaw(signal: AbortSignal): Promise<void>;
  /** Kills every process in it and in the cgroups below it, frozen or not; resolves when they are gone. */
  kill(signal: AbortSignal): Promise<void>;
  /** Removes it and the cgroups below it from every hierarchy. All its processes must be gone. */
  remove(signal: AbortSignal): Promise<void>;
}

/** Limits to change; omitted ones stay as they are. */
export interface CgroupLimits {
  /** Without swap. */
  readonly memoryBytes?: number;
  /** CPU time in each period of `CPU_PERIOD_US`, in microseconds. */
  readonly cpuQuotaUs?: number;
  readonly pids?: number;
}
