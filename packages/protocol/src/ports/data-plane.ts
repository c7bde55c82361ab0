import type { CancelReason } from '../states/execution-state.ts';
import type { ExecutionId, NodeId, SandboxId, TenantId } from '../ids.ts';
import type { Isolation, IsolationScope, RuntimeName } from '../isolation.ts';
import type { Language } from '../languages.ts';
import type { Files, OutputEvent, StepRequest } from './agent.ts';
import type { StepOutcome } from './step-outcome.ts';

/**
 * One node: it owns all that runs on it. Embedded, it is an object in the same process; elsewhere a client of one. Every
 * method may be called by several control planes at once, and with the same arguments twice. Each rejects with the reason of
 * `signal` when that is aborted first.
 */
export interface DataPlane extends ExecutionHost, SandboxHost, AsyncDisposable {
  /** What it is and offers; the same as long as it lives. */
  describe(signal: AbortSignal): Promise<NodeDescription>;
  health(signal: AbortSignal): Promise<DataPlaneHealth>;
}

export interface NodeDescription {
  readonly id: NodeId;
  readonly templates: readonly Template[];
  /** The most that one sandbox can be asked for with. */
  readonly maximum: Resources;
}

/**
 * The executions of a node. It keeps the output and the outcome of each, on disk where they are many, until they are acknowledged
 * or an hour has passed.
 */
export interface ExecutionHost {
  /**
   * Begins an execution under the id in `request.step`, and returns before it has ended; a second call with the same id does
   * nothing. What goes wrong afterwards is its outcome.
   * @throws CaissonError `sandbox_lost`, `sandbox_state_conflict` where its sandbox is paused, `insufficient_capacity` where
   * too much that has ended waits to be acknowledged
   */
  start(request: ExecutionRequest, signal: AbortSignal): Promise<void>;
  /**
   * The output after the first `after` events, to any number of readers, as it comes; ends after the last. With `holdsBack`, the
   * code has to wait for a reader that falls too far behind.
   * @throws CaissonError `execution_not_found`, also from the iterator
   */
  follow(id: ExecutionId, after: number, holdsBack: boolean, signal: AbortSignal): AsyncIterable<OutputBatch>;
  /** The output so far after the first `after` events. @throws CaissonError `execution_not_found` */
  output(id: ExecutionId, after: number, signal: AbortSignal): Promise<OutputBatch>;
  /** Waits until it has ended. @throws CaissonError `execution_not_found` */
  outcome(id: ExecutionId, signal: AbortSignal): Promise<ExecutionOutcome>;
  /** Begins to end it; does nothing where it has ended or is not known. The first of several reasons counts. */
  cancel(id: ExecutionId, end: EndRequest, signal: AbortSignal): Promise<void>;
  /** Forgets one that has ended: its outcome is on record. */
  acknowledge(id: ExecutionId, signal: AbortSignal): Promise<void>;
  /** All that run, or have ended and are not acknowledged. */
  executions(signal: AbortSignal): Promise<ExecutionStatusOnNode[]>;
}

export interface ExecutionRequest {
  readonly tenantId: TenantId;
  readonly step: StepRequest;
  readonly target: ExecutionTarget;
  /** Whether a reader that holds back will follow it soon: until then its output does not run away from that one. */
  readonly streamed: boolean;
}

export type ExecutionTarget =
  /** A fresh place that is thrown away afterwards. */
  | { readonly type: 'fresh'; readonly sandbox: SandboxRequest }
  /** A sandbox that lives. Steps of one sandbox run one after another; the deadline of each counts from its turn. */
  | { readonly type: 'sandbox'; readonly sandboxId: SandboxId };

/** Consecutive events, of which `first` is the number of the first; they count from 1. */
export interface OutputBatch {
  readonly first: number;
  readonly events: readonly OutputEvent[];
}

/** Why something is ended from outside, and who has asked for it; the node only passes on who. */
export interface EndRequest {
  readonly reason: CancelReason;
  readonly by: string;
}

export interface ExecutionOutcome {
  readonly outcome: StepOutcome;
  /** `null` where no place was found. */
  readonly placement: Placement | null;
  /** Who asked for the end, where it was ended from outside. */
  readonly endedBy: string | null;
  /** How long ago it ended, in milliseconds: the clocks of two machines differ. */
  readonly endedMsAgo: number;
}

export interface ExecutionStatusOnNode {
  readonly id: ExecutionId;
  readonly tenantId: TenantId;
  /** `null` for one in a fresh place. */
  readonly sandboxId: SandboxId | null;
  readonly state: 'running' | 'ended';
}

/** The sandboxes of a node that live for longer than one execution. Each has a lease: when that ends, so does the sandbox. */
export interface SandboxHost {
  /**
   * Makes a sandbox for one tenant. A second call with the same id makes no other.
   * @param leaseMs for how long it lives unless the lease is renewed
   * @throws CaissonError `sandbox_unavailable`, `isolation_unavailable`, `insufficient_capacity`
   */
  createSandbox(request: SandboxRequest, leaseMs: number, signal: AbortSignal): Promise<Placement>;
  sandboxes(signal: AbortSignal): Promise<SandboxStatus[]>;
  /** The same of one; `undefined` where the node does not know it. */
  sandbox(id: SandboxId, signal: AbortSignal): Promise<SandboxStatus | undefined>;
  /** Lets those that it knows live for `leaseMs` from now. */
  renewLeases(ids: readonly SandboxId[], leaseMs: number, signal: AbortSignal): Promise<void>;
  /**
   * Freezes every process of one that does nothing; steps and file operations are refused meanwhile. Twice is the same as once.
   * @throws CaissonError `sandbox_lost`, `sandbox_state_conflict` where it is in use
   */
  pauseSandbox(id: SandboxId, signal: AbortSignal): Promise<void>;
  /** @throws CaissonError `sandbox_lost` */
  resumeSandbox(id: SandboxId, signal: AbortSignal): Promise<void>;
  /** Ends its executions and the sandbox, and leaves nothing behind; does nothing where the node does not know it. */
  destroySandbox(id: SandboxId, end: EndRequest, signal: AbortSignal): Promise<void>;
  /** The files of a sandbox. Also throws CaissonError `sandbox_lost` and `sandbox_state_conflict` where it is paused. */
  files(id: SandboxId): Files;
  /** The sandboxes that end without being destroyed, from now on: soon, but a reader that is cut off misses some. */
  lostSandboxes(signal: AbortSignal): AsyncIterable<readonly SandboxId[]>;
}

export interface SandboxStatus {
  readonly id: SandboxId;
  readonly tenantId: TenantId;
  readonly state: 'running' | 'paused' | 'ending';
  /** Executions and file operations under way or waiting. */
  readonly uses: number;
  /** How long ago something was last done with it, in milliseconds; 0 while it is in use. */
  readonly idleMs: number;
  /** For how long it still lives unless the lease is renewed, in milliseconds. */
  readonly leaseMs: number;
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
  /** Those of `sandboxes()`. */
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
