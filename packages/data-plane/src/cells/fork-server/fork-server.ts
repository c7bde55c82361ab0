import type { Language } from '@caisson/protocol/api';
import type { Resources } from '@caisson/protocol/ports';
import type { SpawnedKernel, UsageMeter } from '@caisson/session-agent';
import type { MemoryHolder } from '../../node/capacity/memory-holder.ts';
import type { RootDigest } from '../../templates/root-digest.ts';

/** Makes runners on this node; a sandbox of any runtime can hold one. */
export interface ForkServers {
  /** Of the kernels that cells have. */
  readonly languages: readonly Language[];
  /** The most that a runner takes for itself, apart from its cells. */
  readonly limits: RunnerLimits;
  /** The preload with which `code` is likely to start soonest. Quick: it is asked for each job. */
  choosePreload(code: string, language: Language): Preload;
  /**
   * Starts a runner, whose interpreter has imported the modules of its preload, and resolves when it can fork.
   * If it fails, or `signal` is aborted, nothing is left of it. The caller disposes it.
   */
  start(runner: RunnerSpec, signal: AbortSignal): Promise<ForkServer>;
}

export interface RunnerSpec {
  /** The file system that its cells have as their root: that of their template. */
  readonly root: RootDigest;
  readonly preload: Preload;
}

export interface RunnerLimits {
  readonly memoryBytes: number;
  readonly pids: number;
}

/** Modules that a fork server imports before it forks, all of them the template's own. */
export interface Preload {
  /** Unique among the preloads of all languages. */
  readonly name: string;
  readonly modules: readonly string[];
}

/** The fork server of one runner. Disposing ends it and every cell in it, and leaves nothing; it can be done twice. */
export interface ForkServer extends AsyncDisposable {
  /** Settles when the server has ended or does what it should not: then it is to be disposed. Never rejects. */
  readonly lost: Promise<Error>;
  /** How many more cells there is room for. */
  readonly freeSlots: number;
  /**
   * Makes a cell whose limits are set and whose walls stand. It cannot be cancelled: the state of a half-made cell is not known,
   * so its runner, with the jobs of others in it, would have to end.
   * @throws Error if there is no free slot or the server fails, which `lost` tells too
   */
  fork(spec: CellSpec): Promise<Cell>;
}

export interface CellSpec {
  readonly resources: Resources;
  /** In the environment of its process, beside what every process of a sandbox has. */
  readonly env: Readonly<Record<string, string>>;
}

/** A forked kernel in walls of its own, which waits for its one job. */
export interface Cell extends SpawnedKernel {
  readonly spec: CellSpec;
  readonly meter: UsageMeter & MemoryHolder;
  readonly alive: boolean;
  /** Whether it ended because its runner did, and not by itself. */
  readonly lost: boolean;
  /**
   * Kills it and gives back its descriptors; what is left in its output is dropped. Resolves when nothing of it is left. Can
   * be called twice, and is needed also where it ended by itself.
   */
  end(): Promise<void>;
}
