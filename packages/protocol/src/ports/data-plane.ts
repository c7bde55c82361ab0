import type { SandboxId, TenantId } from '../ids.ts';
import type { Isolation, IsolationScope, RuntimeName } from '../isolation.ts';
import type { Language } from '../languages.ts';
import type { Agent, EventSink, StepOutcome, StepRequest } from './agent.ts';

/** What the control plane asks of a machine. Embedded, it is an object; elsewhere a client of one. */
export interface DataPlane extends AsyncDisposable {
  readonly templates: readonly Template[];
  /** The most that one sandbox can be asked for with. */
  readonly maximum: Resources;
  health(signal: AbortSignal): Promise<DataPlaneHealth>;
  /**
   * Makes a sandbox for one tenant and lends it until it is destroyed.
   * @throws CaissonError `sandbox_unavailable`, `isolation_unavailable`, `insufficient_capacity`
   */
  createSandbox(request: SandboxRequest, signal: AbortSignal): Promise<LentSandbox>;
  /** The live sandbox of that id, or `undefined`. */
  sandbox(id: SandboxId): LentSandbox | undefined;
  /**
   * Runs one step in a fresh place and throws the place away.
   * @throws CaissonError `sandbox_unavailable`, `isolation_unavailable`, `insufficient_capacity`, `sandbox_lost`
   */
  runJob(
    request: SandboxRequest,
    step: StepRequest,
    events: EventSink,
    signal: AbortSignal,
  ): Promise<JobOutcome>;
  /** Calls `listener` with the id of each sandbox that ended without being destroyed; returns what ends the calls. */
  onSandboxLost(listener: (id: SandboxId) => void): () => void;
}

export interface SandboxRequest {
  readonly id: SandboxId;
  readonly tenantId: TenantId;
  readonly templateId: string;
  readonly isolation: Isolation;
  readonly resources: Resources;
  /** In the environment of every process of the sandbox. */
  readonly env: Readonly<Record<string, string>>;
  readonly isolationScope: IsolationScope | 'auto';
  readonly quota: SandboxQuota;
}

/** How many sandboxes of one kind the tenant may hold at once. Whoever asks keeps to it; the data plane only plans by it. */
export interface SandboxQuota {
  /** What the sandbox is for: each kind is counted, and limited, apart. */
  readonly kind: 'session' | 'job';
  readonly limit: number;
}

export interface LentSandbox {
  readonly id: SandboxId;
  readonly placement: Placement;
  readonly agent: Agent;
  /** @throws CaissonError `pause_failed`; the sandbox goes on running */
  pause(signal: AbortSignal): Promise<void>;
  /** @throws CaissonError `resume_failed`; the sandbox stays paused */
  resume(signal: AbortSignal): Promise<void>;
  /** Ends everything in it and leaves nothing behind; can be called twice. */
  destroy(): Promise<void>;
}

export interface JobOutcome {
  readonly outcome: StepOutcome;
  readonly placement: Placement;
}

/** Where something really ran. */
export interface Placement {
  readonly runtime: RuntimeName;
  readonly isolation: Isolation;
  readonly scope: IsolationScope;
}

export interface Resources {
  /** Thousandths of a core. */
  readonly cpuMillicores: number;
  /** Memory of the processes; what lies in `/workspace` and `/tmp` is counted apart. */
  readonly memoryBytes: number;
  /** Size of `/workspace`. */
  readonly diskBytes: number;
  /** Processes and threads. */
  readonly pids: number;
}

export interface Template {
  readonly id: string;
  readonly description: string;
  /** The first is the default. */
  readonly languages: readonly [Language, ...Language[]];
  readonly resources: Resources;
}

export interface DataPlaneHealth {
  readonly runtimes: readonly RuntimeHealth[];
  /** Those that are lent. */
  readonly sandboxes: number;
  readonly pools: readonly PoolHealth[];
  readonly capacity: NodeCapacity;
  /** Why it makes no sandboxes any more; empty while it does. */
  readonly problems: readonly string[];
  readonly reads: ReadHealth;
}

/** What sandboxes made of the event loop that reads them, since the start. */
export interface ReadHealth {
  /** Written to the control channel by kernels that ran no step, in bytes. */
  readonly droppedBytes: number;
  /** How long the reading of sandboxes that were over their share was put off, all together. */
  readonly delayedMs: number;
  /** Kernels that were killed because reading what they wrote failed. */
  readonly broken: number;
}

/** What the machine can hold, and what was promised of it to sandboxes. */
export interface NodeCapacity {
  /** Processes, and files in memory. */
  readonly memoryBytes: CapacityFigures;
  /** Workspaces that lie on disk. */
  readonly diskBytes: CapacityFigures;
  readonly cpuMillicores: CapacityFigures;
  readonly pids: CapacityFigures;
  /** Open files of the data plane. */
  readonly descriptors: CapacityFigures;
  readonly maximum: Resources;
}

export interface CapacityFigures {
  /** What all sandboxes together can use. */
  readonly total: number;
  /** What can be promised to them, which may be more. */
  readonly promisable: number;
  /** What is promised to those that there are, ready ones included. */
  readonly promised: number;
  /** What they use now; `null` where that is not measured. */
  readonly used: number | null;
}

/** Sandboxes that were made ready ahead, of one class. */
export interface PoolHealth {
  readonly templateId: string;
  readonly isolation: Isolation;
  readonly resources: Resources;
  readonly ready: number;
  /** How many should be ready. */
  readonly target: number;
  /** Requests that got a ready one, since the start. */
  readonly claimed: number;
  /** Requests that found none, since the start. */
  readonly missed: number;
}

export interface RuntimeHealth {
  readonly name: RuntimeName;
  readonly isolation: Isolation;
  readonly version: string | null;
  readonly available: boolean;
  /** Whether new sandboxes are made with it. */
  readonly chosen: boolean;
  /** What is missing and what to do about it; empty where nothing is. */
  readonly problems: readonly string[];
}
