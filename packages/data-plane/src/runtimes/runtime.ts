import type { Isolation, RuntimeName, SandboxId } from '@caisson/protocol/api';
import type { Agent, Resources } from '@caisson/protocol/ports';
import type { MemoryHolder } from '../node/capacity/memory-holder.ts';
import type { RootDigest } from '../templates/root-digest.ts';

/** A way to make sandboxes on this node. */
export interface Runtime {
  readonly name: RuntimeName;
  readonly isolation: Isolation;
  /**
   * Makes a sandbox that runs nothing yet. If it fails, or `signal` is aborted, nothing is left of it.
   * The caller disposes the sandbox.
   */
  create(spec: SandboxSpec, signal: AbortSignal): Promise<Sandbox>;
}

export interface SandboxSpec {
  readonly id: SandboxId;
  readonly resources: Resources;
  /** In the environment of every process of the sandbox. */
  readonly env: Readonly<Record<string, string>>;
  /** The file system that it has as its root: that of its template. */
  readonly root: RootDigest;
  /** Where the workspace lies, if the runtime has a choice. In memory it counts as the sandbox's memory. */
  readonly workspace: 'memory' | 'disk';
  readonly network: SandboxNetwork;
}

/** What a sandbox can reach beside its own loopback. */
export interface SandboxNetwork {
  readonly mode: 'none';
}

export const NO_NETWORK: SandboxNetwork = { mode: 'none' };

export type CpuWeight = 'normal' | 'low';

/** Disposing ends all that runs in it and leaves nothing behind; it can be done twice. `undefined`: this runtime cannot do it. */
export interface Sandbox extends AsyncDisposable {
  readonly id: SandboxId;
  readonly agent: Agent;
  /** Settles when nothing runs in it any more, soon after it happened. Never rejects. */
  readonly ended: Promise<SandboxEnd>;
  /** What it holds of this machine's memory, where the node can read that at once; `undefined` where it cannot. */
  readonly memory: MemoryHolder | undefined;
  /** What it uses now; nothing once it has ended. */
  usage(signal: AbortSignal): Promise<SandboxUsage>;
  /** Sets how much CPU time its processes get when others want it too; a new sandbox is `normal`. */
  readonly setCpuWeight: ((weight: CpuWeight, signal: AbortSignal) => Promise<void>) | undefined;
  /**
   * Freezes every process in it; pausing twice is the same as once.
   * @throws CaissonError `pause_failed`; the sandbox goes on running
   */
  readonly pause: ((signal: AbortSignal) => Promise<void>) | undefined;
  /** @throws CaissonError `resume_failed`; the sandbox stays paused */
  readonly resume: ((signal: AbortSignal) => Promise<void>) | undefined;
}

/** `disposed`: by its owner. `died`: by itself or from outside, so that it is lost; `detail` says how, for the log. */
export type SandboxEnd =
  { readonly reason: 'disposed' } | { readonly reason: 'died'; readonly detail: string };

export interface SandboxUsage {
  /** Of its processes, and of its files in memory. */
  readonly memoryBytes: number;
}
