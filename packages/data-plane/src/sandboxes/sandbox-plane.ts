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

/** What a node makes sandboxes with. Who they belong to, and how long they live, is decided above it. */
export interface SandboxPlane extends AsyncDisposable {
  readonly templates: readonly Template[];
  /** The most that one sandbox can be asked for with. */
  readonly maximum: Resources;
  health(signal: AbortSignal): Promise<DataPlaneHealth>;
  /**
   * Makes a sandbox for one tenant and lends it until it is destroyed.
   * @throws CaissonError `sandbox_unavailable`, `isolation_unavailable`, `insufficient_capacity`
   */
  createSandbox(request: SandboxRequest, signal: AbortSignal): Promise<LentSandbox>;
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
