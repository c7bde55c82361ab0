import { CaissonError, isCaissonError } from '@caisson/protocol/api';
import type { SandboxId, TenantId } from '@caisson/protocol/api';
import type {
  EndRequest,
  EventSink,
  Files,
  Placement,
  SandboxHost,
  SandboxRequest,
  SandboxStatus,
  StepRequest,
} from '@caisson/protocol/ports';
import type { Logger } from 'pino';
import { orAborted } from '../../abort/or-aborted.ts';
import type { JobOutcome, LentSandbox, SandboxPlane } from '../../sandboxes/sandbox-plane.ts';
import { LostSandboxes } from './lost-sandboxes.ts';
import { SerialQueue } from './serial-queue.ts';
import { usedFiles } from './used-files.ts';

const TICK_MS = 1_000;
/** How long executions may take to end before their sandbox is destroyed under them. */
const STEP_END_GRACE_MS = 5_000;

/** A sandbox that outlives a single execution. */
interface HeldSandbox {
  readonly lent: LentSandbox;
  readonly tenantId: TenantId;
  readonly steps: SerialQueue;
  state: 'running' | 'pausing' | 'paused' | 'ending';
  uses: number;
  lastUsedMs: number;
  leaseEndsMs: number;
  destroyed: Promise<void> | undefined;
}

export interface NodeSandboxesParts {
  readonly plane: Pick<SandboxPlane, 'createSandbox' | 'onSandboxLost'>;
  /** Ends the executions of a sandbox, and resolves when they have ended. */
  readonly endExecutions: (id: SandboxId, end: EndRequest) => Promise<void>;
  readonly logger: Logger;
  /** A clock that never goes back. */
  readonly nowMs: () => number;
}

/** Lent sandboxes of a node: their tenants, uses, states and leases. See `SandboxHost`. */
export class NodeSandboxes implements SandboxHost, AsyncDisposable {
  readonly #parts: NodeSandboxesParts;
  readonly #held = new Map<SandboxId, HeldSandbox>();
  readonly #creating = new Map<SandboxId, Promise<HeldSandbox>>();
  readonly #lost = new LostSandboxes();
  readonly #stopListening: () => void;
  readonly #tick: NodeJS.Timeout;

  constructor(parts: NodeSandboxesParts) {
    this.#parts = parts;
    this.#stopListening = parts.plane.onSandboxLost((id) => {
      if (this.#held.delete(id)) this.#lost.publish(id);
    });
    this.#tick = setInterval(() => {
      this.#endExpired();
    }, TICK_MS).unref();
  }

  async createSandbox(request: SandboxRequest, leaseMs: number, signal: AbortSignal): Promise<Placement> {
    const known = this.#held.get(request.id) ?? this.#creating.get(request.id);
    const held = await (known ?? this.#create(request, leaseMs, signal));
    return held.lent.placement;
  }

  async sandboxes(): Promise<SandboxStatus[]> {
    return Promise.resolve([...this.#held.values()].map((held) => this.#statusOf(held)));
  }

  async sandbox(id: SandboxId): Promise<SandboxStatus | undefined> {
    const held = this.#held.get(id);
    return Promise.resolve(held && this.#statusOf(held));
  }

  async renewLeases(ids: readonly SandboxId[], leaseMs: number): Promise<void> {
    const endsMs = this.#parts.nowMs() + leaseMs;
    for (const id of ids) {
      const held = this.#held.get(id);
      if (held !== undefined) held.leaseEndsMs = Math.max(held.leaseEndsMs, endsMs);
    }
    return Promise.resolve();
  }

  async pauseSandbox(id: SandboxId, signal: AbortSignal): Promise<void> {
    const held = this.#find(id);
    if (held.state === 'paused') return;
    // A frozen step could neither end nor be interrupted at its deadline.
    if (held.state !== 'running' || held.uses > 0) throw conflict(held, 'pause');
    held.state = 'pausing';
    try {
      await held.lent.pause(signal);
      changeState(held, 'pausing', 'paused');
    } catch (error) {
      changeState(held, 'pausing', 'running');
      throw error;
    }
    held.lastUsedMs = this.#parts.nowMs();
  }

  async resumeSandbox(id: SandboxId, signal: AbortSignal): Promise<void> {
    const held = this.#find(id);
    if (held.state === 'running') return;
    if (held.state !== 'paused') throw conflict(held, 'resume');
    await held.lent.resume(signal);
    changeState(held, 'paused', 'running');
    held.lastUsedMs = this.#parts.nowMs();
  }

  async destroySandbox(id: SandboxId, end: EndRequest, signal: AbortSignal): Promise<void> {
    const creating = this.#creating.get(id);
    if (creating !== undefined)
      await orAborted(
        creating.catch(() => undefined),
        signal,
      );
    const held = this.#held.get(id);
    if (held !== undefined) await orAborted(this.#destroy(held, end), signal);
  }

  files(id: SandboxId): Files {
    return usedFiles(() => {
      const held = this.#enter(id, 'use');
      return {
        files: held.lent.agent.files,
        [Symbol.dispose]: () => {
          this.#leave(held);
        },
      };
    });
  }

  lostSandboxes(signal: AbortSignal): AsyncIterable<readonly SandboxId[]> {
    return this.#lost.follow(signal);
  }

  /**
   * Queues a step in a sandbox at once; the returned function waits for its turn and runs it.
   * @throws CaissonError `sandbox_lost`, `sandbox_state_conflict`
   */
  runStep(id: SandboxId, step: StepRequest, events: EventSink): (signal: AbortSignal) => Promise<JobOutcome> {
    const held = this.#enter(id, 'run a step');
    const { agent, placement } = held.lent;
    return async (signal) => {
      try {
        const outcome = await held.steps.run(async () => agent.steps.run(step, events, signal), signal);
        return { outcome, placement };
      } catch (error) {
        if (isCaissonError(error, 'sandbox_lost')) this.#lose(held);
        throw error;
      } finally {
        this.#leave(held);
      }
    };
  }

  async [Symbol.asyncDispose](): Promise<void> {
    clearInterval(this.#tick);
    this.#stopListening();
    await Promise.allSettled(this.#creating.values());
    const end = { reason: 'shutdown', by: 'system' } as const;
    await Promise.all([...this.#held.values()].map(async (held) => this.#destroy(held, end)));
  }

  async #create(request: SandboxRequest, leaseMs: number, signal: AbortSignal): Promise<HeldSandbox> {
    const creating = this.#parts.plane.createSandbox(request, signal).then((lent) => {
      const now = this.#parts.nowMs();
      const held: HeldSandbox = {
        lent,
        tenantId: request.tenantId,
        steps: new SerialQueue(),
        state: 'running',
        uses: 0,
        lastUsedMs: now,
        leaseEndsMs: now + leaseMs,
        destroyed: undefined,
      };
      this.#held.set(request.id, held);
      return held;
    });
    this.#creating.set(request.id, creating);
    try {
      return await creating;
    } finally {
      this.#creating.delete(request.id);
    }
  }

  #destroy(held: HeldSandbox, end: EndRequest): Promise<void> {
    held.state = 'ending';
    return (held.destroyed ??= this.#destroyOnce(held, end));
  }

  async #destroyOnce(held: HeldSandbox, end: EndRequest): Promise<void> {
    const { lent } = held;
    const late = new AbortController();
    const timer = setTimeout(() => {
      late.abort();
    }, STEP_END_GRACE_MS).unref();
    try {
      await orAborted(this.#parts.endExecutions(lent.id, end), late.signal).catch(() => undefined);
      await lent.destroy();
    } finally {
      clearTimeout(timer);
      this.#held.delete(lent.id);
    }
  }

  #enter(id: SandboxId, action: string): HeldSandbox {
    const held = this.#find(id);
    if (held.state !== 'running') throw conflict(held, action);
    held.uses += 1;
    return held;
  }

  #leave(held: HeldSandbox): void {
    held.uses -= 1;
    held.lastUsedMs = this.#parts.nowMs();
  }

  #find(id: SandboxId): HeldSandbox {
    const held = this.#held.get(id);
    if (held === undefined) throw new CaissonError('sandbox_lost', { id });
    return held;
  }

  #statusOf({ lent, tenantId, state, uses, lastUsedMs, leaseEndsMs }: HeldSandbox): SandboxStatus {
    const now = this.#parts.nowMs();
    return {
      id: lent.id,
      tenantId,
      state: state === 'pausing' ? 'paused' : state,
      uses,
      idleMs: uses > 0 ? 0 : now - lastUsedMs,
      leaseMs: Math.max(leaseEndsMs - now, 0),
    };
  }

  /** Destroys a sandbox that is gone or whose lease has expired, and publishes it as lost. */
  #lose(held: HeldSandbox): void {
    if (held.state === 'ending') return;
    const { id } = held.lent;
    this.#destroy(held, { reason: 'session_terminated', by: 'system' }).then(
      () => {
        this.#lost.publish(id);
      },
      (error: unknown) => {
        this.#parts.logger.error({ err: error, sandbox_id: id }, 'sandbox not removed');
      },
    );
  }

  /** Ends sandboxes whose lease no control plane has renewed. */
  #endExpired(): void {
    const now = this.#parts.nowMs();
    for (const held of this.#held.values()) {
      if (held.leaseEndsMs > now || held.state === 'ending') continue;
      const { id } = held.lent;
      this.#parts.logger.warn({ sandbox_id: id }, 'sandbox ended: no control plane has renewed its lease');
      this.#lose(held);
    }
  }
}

/** Changes the state, unless it has changed from `from` in the meantime. */
function changeState(held: HeldSandbox, from: HeldSandbox['state'], to: HeldSandbox['state']): void {
  if (held.state === from) held.state = to;
}

function conflict({ lent, state, uses }: HeldSandbox, action: string): CaissonError {
  const shown = state === 'running' && uses > 0 ? 'busy' : state;
  return new CaissonError('sandbox_state_conflict', { id: lent.id, state: shown, action });
}
