import type { Agent, Isolation, Resources, RuntimeHealth, RuntimeName, SandboxId } from '@caisson/protocol';
import type { MemoryHolder } from '../node/memory-holder.ts';

/** A way to make sandboxes on this host. */
export interface Runtime {
  readonly name: RuntimeName;
  readonly isolation: Isolation;
  /** Makes a sandbox, runs a process in it and says what this host lacks, in words a person can act on. Never throws. */
  probe(signal: AbortSignal): Promise<RuntimeProbe>;
  /**
   * Makes a sandbox that runs nothing yet. If it fails, or `signal` is aborted, nothing is left of it.
   * The caller disposes the sandbox.
   */
  create(spec: SandboxSpec, signal: AbortSignal): Promise<Sandbox>;
}

export type RuntimeProbe = Pick<RuntimeHealth, 'version' | 'available' | 'problems'>;

export interface SandboxSpec {
  readonly id: SandboxId;
  readonly resources: Resources;
  /** In the environment of every process of the sandbox. */
  readonly env: Readonly<Record<string, string>>;
}

export type CpuWeight = 'normal' | 'low';

/** Disposing ends all that runs in it and leaves nothing behind; it can be done twice. */
export interface Sandbox extends AsyncDisposable, MemoryHolder {
  readonly id: SandboxId;
  readonly agent: Agent;
  /** Whether its first process still lives: if not, the sandbox is lost. */
  isAlive(): boolean;
  /** What it holds now, in bytes: its processes, and its files in memory. */
  memoryBytes(): number;
  /** How much its processes count where others want the CPU too; a new one is `normal`. */
  setCpuWeight(weight: CpuWeight): void;
  /**
   * Freezes every process in it; pausing twice is the same as once.
   * @throws CaissonError `pause_failed`; the sandbox goes on running
   */
  pause(signal: AbortSignal): Promise<void>;
  /** @throws CaissonError `resume_failed`; the sandbox stays paused */
  resume(signal: AbortSignal): Promise<void>;
}
