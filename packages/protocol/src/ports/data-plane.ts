import type { CancelReason } from '../states/execution-state.ts';
import type { ExecutionId, NodeId, SandboxId, TenantId } from '../ids.ts';
import type { Isolation, IsolationScope, RuntimeName } from '../isolation.ts';
import type { Language } from '../languages.ts';
import type { Files, OutputEvent, StepRequest } from './agent.ts';
import type { StepOutcome } from './step-outcome.ts';

/**
 * One node, which owns everything that runs on it. It is an object in the same process, or a client of a remote node. Several
 * control planes may call it at once, and every method may be called twice with the same arguments. Each rejects with the reason
 * of `signal` if that is aborted first.
 */
export interface DataPlane extends ExecutionHost, SandboxHost, AsyncDisposable {
  /** Static description of the node. */
  describe(signal: AbortSignal): Promise<NodeDescription>;
  health(signal: AbortSignal): Promise<DataPlaneHealth>;
}

export interface NodeDescription {
  readonly id: NodeId;
  readonly templates: readonly Template[];
  /** The largest sandbox that can be requested. */
  readonly maximum: Resources;
}

/**
 * Executions of a node. It keeps the output and outcome of each, on disk if there are many, until they are acknowledged or an
 * hour has passed.
 */
export interface ExecutionHost {
  /**
   * Starts an execution under the id in `request.step`, and returns before it has ended. A second call with the same id does
   * nothing. Later failures are part of its outcome.
   * @throws CaissonError `sandbox_lost`, `sandbox_state_conflict` if its sandbox is paused, `insufficient_capacity` if too many
   * ended executions are not acknowledged
   */
  start(request: ExecutionRequest, signal: AbortSignal): Promise<void>;
  /**
   * Live output after the first `after` events, for any number of readers; ends after the last event. With `holdsBack`, the code
   * is slowed down when this reader falls too far behind.
   * @throws CaissonError `execution_not_found`, also from the iterator
   */
  follow(id: ExecutionId, after: number, holdsBack: boolean, signal: AbortSignal): AsyncIterable<OutputBatch>;
  /** The output so far after the first `after` events. @throws CaissonError `execution_not_found` */
  output(id: ExecutionId, after: number, signal: AbortSignal): Promise<OutputBatch>;
  /** Waits until it has ended. @throws CaissonError `execution_not_found` */
  outcome(id: ExecutionId, signal: AbortSignal): Promise<ExecutionOutcome>;
  /** Starts to end it; does nothing if it has ended or is unknown. Only the first reason counts. */
  cancel(id: ExecutionId, end: EndRequest, signal: AbortSignal): Promise<void>;
  /** Drops an execution that has ended, because its outcome is on record. */
  acknowledge(id: ExecutionId, signal: AbortSignal): Promise<void>;
  /** All executions that are running, or ended and not acknowledged. */
  executions(signal: AbortSignal): Promise<ExecutionStatusOnNode[]>;
}

export interface ExecutionRequest {
  readonly tenantId: TenantId;
  readonly step: StepRequest;
  readonly target: ExecutionTarget;
  /** Whether a reader that holds back will follow soon: until then the code is held back for it. */
  readonly streamed: boolean;
}

export type ExecutionTarget =
  /** A fresh sandbox or cell, destroyed afterwards. */
  | { readonly type: 'fresh'; readonly sandbox: SandboxRequest }
  /** An existing sandbox. Its steps run one at a time; the deadline of each counts from its turn. */
  | { readonly type: 'sandbox'; readonly sandboxId: SandboxId };

/** Consecutive events; `first` is the number of the first one, counted from 1. */
export interface OutputBatch {
  readonly first: number;
  readonly events: readonly OutputEvent[];
}

/** Why something is ended from outside, and who requested it; the node only passes `by` on. */
export interface EndRequest {
  readonly reason: CancelReason;
  readonly by: string;
}

export interface ExecutionOutcome {
  readonly outcome: StepOutcome;
  /** `null` if it got no sandbox or cell. */
  readonly placement: Placement | null;
  /** Who requested the end; `null` unless it was ended from outside. */
  readonly endedBy: string | null;
  /** How long ago it ended, in milliseconds: the clocks of two machines differ. */
  readonly endedMsAgo: number;
}

export interface ExecutionStatusOnNode {
  readonly id: ExecutionId;
  readonly tenantId: TenantId;
  /** `null` for one in a fresh sandbox or cell. */
  readonly sandboxId: SandboxId | null;
  readonly state: 'running' | 'ended';
}

/** Sandboxes of a node that outlive a single execution. Each ends when its lease expires. */
export interface SandboxHost {
  /**
   * Creates a sandbox for one tenant. A second call with the same id creates no other.
   * @param leaseMs how long it lives unless the lease is renewed
   * @throws CaissonError `sandbox_unavailable`, `isolation_unavailable`, `insufficient_capacity`
   */
  createSandbox(request: SandboxRequest, leaseMs: number, signal: AbortSignal): Promise<Placement>;
  sandboxes(signal: AbortSignal): Promise<SandboxStatus[]>;
  /** Status of one sandbox; `undefined` if the node does not know it. */
  sandbox(id: SandboxId, signal: AbortSignal): Promise<SandboxStatus | undefined>;
  /** Extends the leases of known sandboxes to `leaseMs` from now; unknown ids are ignored. */
  renewLeases(ids: readonly SandboxId[], leaseMs: number, signal: AbortSignal): Promise<void>;
  /**
   * Freezes every process of an idle sandbox; steps and file operations are refused until it is resumed. Idempotent.
   * @throws CaissonError `sandbox_lost`, `sandbox_state_conflict` if it is in use
   */
  pauseSandbox(id: SandboxId, signal: AbortSignal): Promise<void>;
  /** @throws CaissonError `sandbox_lost` */
  resumeSandbox(id: SandboxId, signal: AbortSignal): Promise<void>;
  /** Ends its executions and the sandbox, and leaves nothing behind; does nothing if the node does not know it. */
  destroySandbox(id: SandboxId, end: EndRequest, signal: AbortSignal): Promise<void>;
  /** Files of a sandbox. Also throws CaissonError `sandbox_lost`, and `sandbox_state_conflict` if it is paused. */
  files(id: SandboxId): Files;
  /** Ids of sandboxes that end without being destroyed, from now on. A reader that disconnects misses some. */
  lostSandboxes(signal: AbortSignal): AsyncIterable<readonly SandboxId[]>;
}

export interface SandboxStatus {
  readonly id: SandboxId;
  readonly tenantId: TenantId;
  readonly state: 'running' | 'paused' | 'ending';
  /** Running and waiting executions and file operations. */
  readonly uses: number;
  /** Time since its last use, in milliseconds; 0 while it is in use. */
  readonly idleMs: number;
  /** Remaining lease, in milliseconds. */
  readonly leaseMs: number;
}

export interface SandboxRequest {
  readonly id: SandboxId;
  readonly tenantId: TenantId;
  readonly templateId: string;
  readonly isolation: Isolation;
  readonly resources: Resources;
  /** Environment variables of every process in the sandbox. */
  readonly env: Readonly<Record<string, string>>;
  readonly isolationScope: IsolationScope | 'auto';
  readonly quota: SandboxQuota;
}

/** How many sandboxes of one kind the tenant may hold at once. The caller enforces it; the data plane only plans with it. */
export interface SandboxQuota {
  /** Purpose of the sandbox. Each kind is counted and limited separately. */
  readonly kind: 'session' | 'job';
  readonly limit: number;
}

/** Where an execution actually ran. */
export interface Placement {
  readonly runtime: RuntimeName;
  readonly isolation: Isolation;
  readonly scope: IsolationScope;
}

export interface Resources {
  /** Thousandths of a core. */
  readonly cpuMillicores: number;
  /** Memory of the processes; files in `/workspace` and `/tmp` are counted separately. */
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
  /** Number of sandboxes that `sandboxes()` lists. */
  readonly sandboxes: number;
  readonly pools: readonly PoolHealth[];
  readonly capacity: NodeCapacity;
  /** Why no sandboxes can be created; empty while they can. */
  readonly problems: readonly string[];
  readonly reads: ReadHealth;
}

/** Load of sandboxes on the event loop that reads their output, since the start. */
export interface ReadHealth {
  /** Bytes dropped because a kernel wrote them to its control channel while no step ran. */
  readonly droppedBytes: number;
  /** Total time that reading was delayed for sandboxes over their share. */
  readonly delayedMs: number;
  /** Kernels killed because reading their output failed. */
  readonly broken: number;
}

/** Capacity of the machine, and how much of it is promised to sandboxes. */
export interface NodeCapacity {
  /** Memory of processes and of files in memory. */
  readonly memoryBytes: CapacityFigures;
  /** Workspaces on disk. */
  readonly diskBytes: CapacityFigures;
  readonly cpuMillicores: CapacityFigures;
  readonly pids: CapacityFigures;
  /** Open file descriptors of the data plane. */
  readonly descriptors: CapacityFigures;
  readonly maximum: Resources;
}

export interface CapacityFigures {
  /** Limit for all sandboxes together. */
  readonly total: number;
  /** Limit for the sum of all promises, which may be higher. */
  readonly promisable: number;
  /** Sum of all promises, including those to ready sandboxes. */
  readonly promised: number;
  /** Current use; `null` if it is not measured. */
  readonly used: number | null;
}

/** Sandboxes of one class that were prepared ahead. */
export interface PoolHealth {
  readonly templateId: string;
  readonly isolation: Isolation;
  readonly resources: Resources;
  readonly ready: number;
  /** How many should be ready. */
  readonly target: number;
  /** Requests that got a ready sandbox, since the start. */
  readonly claimed: number;
  /** Requests that found no ready sandbox, since the start. */
  readonly missed: number;
}

export interface RuntimeHealth {
  readonly name: RuntimeName;
  readonly isolation: Isolation;
  readonly version: string | null;
  readonly available: boolean;
  /** Whether new sandboxes use it. */
  readonly chosen: boolean;
  /** What is missing and how to fix it; empty if nothing is. */
  readonly problems: readonly string[];
}
