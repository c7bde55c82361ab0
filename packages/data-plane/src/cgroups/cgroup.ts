import type { CgroupCounters } from '@caisson/session-agent';

/** The cgroups of this host, whatever the version that limits its processes. */
export interface Cgroups {
  /** The cgroup `path`, which is absolute in each hierarchy. It need not be there. */
  at(path: string): Cgroup;
  /** The lowest limits of this process's own cgroups and of those above them; infinite where none limits. */
  ownLimits(): { readonly memoryBytes: number; readonly pids: number };
  /** Mount points that an OCI runtime must not see. */
  readonly hiddenMountPoints: readonly string[];
}

/** One cgroup, in every hierarchy of the host at the same path. */
export interface Cgroup {
  /** Relative to each hierarchy's mount point; begins with `/`. */
  readonly path: string;

  /** Makes it, and those above it, in each hierarchy that limits or counts something. */
  make(): void;
  /**
   * Makes it such that those below it can be limited.
   * @throws Error if this host does not allow it, with what to do about it
   */
  delegate(): void;
  /** @throws Error if this host does not take the limits */
  limit(limits: CgroupLimits): void;
  /** Has all that is in it count as much as so many busy processes of the host that are in no cgroup. */
  setCpuWeight(processes: number): void;
  /**
   * Limits the buffers of TCP and UDP sockets where they do not count as memory. To be called before any socket is made: one that
   * is there already stays uncounted.
   * @throws Error where they cannot be limited
   */
  limitSocketMemory(): void;

  /** What it counts. The caller disposes it. */
  openCounters(): CgroupCounters;
  /** Those directly below it. */
  children(): readonly Cgroup[];
  /** Host pids of all processes in it and in the cgroups below it. */
  processes(): number[];
  /** Files by which a process enters it: it writes `0` to each. */
  entrances(): readonly string[];
  /** Its directories, for a program that ends all that is in it; see `end_processes.py`. */
  directories(): { readonly pids: string; readonly freezer: string };

  /**
   * Stops every process where it is until `thaw`; resolves when they have stopped.
   * @throws Error if this host cannot, or the reason of `signal`; they run again then
   */
  freeze(signal: AbortSignal): Promise<void>;
  /** Lets every process run again; resolves when they do. @throws the reason of `signal` */
  thaw(signal: AbortSignal): Promise<void>;
  /** Kills every process in it and in the cgroups below it, paused or not; resolves when they are gone. */
  kill(signal: AbortSignal): Promise<void>;
  /** Removes it, with the cgroups below it, from every hierarchy. All its processes must be gone. */
  remove(signal: AbortSignal): Promise<void>;
}

/** What is not named stays as it is. */
export interface CgroupLimits {
  /** Without swap. */
  readonly memoryBytes?: number;
  /** CPU time in each period of `CPU_PERIOD_US`, in microseconds. */
  readonly cpuQuotaUs?: number;
  readonly pids?: number;
}
