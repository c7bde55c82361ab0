import type { SandboxId } from '@caisson/protocol/api';
import type {
  Agent,
  DataPlaneHealth,
  EventSink,
  Placement,
  Resources,
  SandboxRequest,
  StepOutcome,
  StepRequest,
  Template,
} from '@caisson/protocol/ports';

/** Creates the sandboxes of a node. Ownership and leases are managed by the node. */
export interface SandboxPlane extends AsyncDisposable {
  readonly templates: readonly Template[];
  /** The largest sandbox that can be requested. */
  readonly maximum: Resources;
  health(signal: AbortSignal): Promise<DataPlaneHealth>;
  /**
   * Creates a sandbox for one tenant and lends it until it is destroyed.
   * @throws CaissonError `sandbox_unavailable`, `isolation_unavailable`, `insufficient_capacity`
   */
  createSandbox(request: SandboxRequest, signal: AbortSignal): Promise<LentSandbox>;
  /**
   * Runs one step in a fresh sandbox or cell, which is destroyed afterwards.
   * @throws CaissonError `sandbox_unavailable`, `isolation_unavailable`, `insufficient_capacity`, `sandbox_lost`
   */
  runJob(
    request: SandboxRequest,
    step: StepRequest,
    events: EventSink,
    signal: AbortSignal,
  ): Promise<JobOutcome>;
  /** Calls `listener` with the id of each sandbox that ended without being destroyed. Returns a function that unsubscribes. */
  onSandboxLost(listener: (id: SandboxId) => void): () => void;
}

export interface LentSandbox {
  readonly id: SandboxId;
  readonly placement: Placement;
  readonly agent: Agent;
  /** @throws CaissonError `pause_failed`; the sandbox keeps running */
  pause(signal: AbortSignal): Promise<void>;
  /** @throws CaissonError `resume_failed`; the sandbox stays paused */
  resume(signal: AbortSignal): Promise<void>;
  /** Ends everything in it and leaves nothing behind. Calling it twice is harmless. */
  destroy(): Promise<void>;
}

export interface JobOutcome {
  readonly outcome: StepOutcome;
  readonly placement: Placement;
}
