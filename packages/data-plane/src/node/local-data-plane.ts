import type { ExecutionId, NodeId, SandboxId } from '@caisson/protocol/api';
import type {
  DataPlane,
  DataPlaneHealth,
  EndRequest,
  ExecutionOutcome,
  ExecutionRequest,
  ExecutionStatusOnNode,
  Files,
  NodeDescription,
  OutputBatch,
  Placement,
  SandboxRequest,
  SandboxStatus,
} from '@caisson/protocol/ports';
import type { Logger } from 'pino';
import type { SandboxPlane } from '../sandboxes/sandbox-plane.ts';
import { KEPT_BOUNDS, NodeExecutions } from './executions/node-executions.ts';
import type { KeptBounds } from './executions/node-executions.ts';
import { NodeSandboxes } from './sandboxes/node-sandboxes.ts';

export interface LocalDataPlaneParts<Plane extends SandboxPlane> {
  readonly plane: Plane;
  /** For output that is not acknowledged soon; created when needed. */
  readonly spillDirectory: string;
  readonly logger: Logger;
  readonly id: NodeId;
  /** How long after its deadline a step is abandoned if its sandbox does not answer. */
  readonly graceMs: number;
  readonly bounds?: KeptBounds;
  /** A clock that never goes back. */
  readonly nowMs?: () => number;
}

/** The node of this process. It owns its executions and sandboxes, and creates them with a `SandboxPlane`. */
export class LocalDataPlane<Plane extends SandboxPlane = SandboxPlane> implements DataPlane {
  /** Creates the sandboxes; exposed for the process that started this node. */
  readonly plane: Plane;
  readonly #id: NodeId;
  readonly #executions: NodeExecutions;
  readonly #sandboxes: NodeSandboxes;

  constructor(parts: LocalDataPlaneParts<Plane>) {
    const { plane, id, graceMs, logger, spillDirectory } = parts;
    const { bounds = KEPT_BOUNDS, nowMs = () => performance.now() } = parts;
    this.plane = plane;
    this.#id = id;
    this.#sandboxes = new NodeSandboxes({
      plane,
      logger,
      nowMs,
      endExecutions: async (sandboxId, end) => this.#executions.endAllIn(sandboxId, end),
    });
    this.#executions = new NodeExecutions({
      plane,
      sandboxes: this.#sandboxes,
      spillDirectory,
      graceMs,
      bounds,
      logger,
      nowMs,
    });
  }

  async describe(): Promise<NodeDescription> {
    const { templates, maximum } = this.plane;
    return Promise.resolve({ id: this.#id, templates, maximum });
  }

  async health(signal: AbortSignal): Promise<DataPlaneHealth> {
    return this.plane.health(signal);
  }

  async start(request: ExecutionRequest, signal: AbortSignal): Promise<void> {
    return this.#executions.start(request, signal);
  }

  follow(
    id: ExecutionId,
    after: number,
    holdsBack: boolean,
    signal: AbortSignal,
  ): AsyncIterable<OutputBatch> {
    return this.#executions.follow(id, after, holdsBack, signal);
  }

  async output(id: ExecutionId, after: number): Promise<OutputBatch> {
    return this.#executions.output(id, after);
  }

  async outcome(id: ExecutionId, signal: AbortSignal): Promise<ExecutionOutcome> {
    return this.#executions.outcome(id, signal);
  }

  async cancel(id: ExecutionId, end: EndRequest): Promise<void> {
    return this.#executions.cancel(id, end);
  }

  async acknowledge(id: ExecutionId): Promise<void> {
    return this.#executions.acknowledge(id);
  }

  async executions(): Promise<ExecutionStatusOnNode[]> {
    return this.#executions.executions();
  }

  async createSandbox(request: SandboxRequest, leaseMs: number, signal: AbortSignal): Promise<Placement> {
    return this.#sandboxes.createSandbox(request, leaseMs, signal);
  }

  async sandboxes(): Promise<SandboxStatus[]> {
    return this.#sandboxes.sandboxes();
  }

  async sandbox(id: SandboxId): Promise<SandboxStatus | undefined> {
    return this.#sandboxes.sandbox(id);
  }

  async renewLeases(ids: readonly SandboxId[], leaseMs: number): Promise<void> {
    return this.#sandboxes.renewLeases(ids, leaseMs);
  }

  async pauseSandbox(id: SandboxId, signal: AbortSignal): Promise<void> {
    return this.#sandboxes.pauseSandbox(id, signal);
  }

  async resumeSandbox(id: SandboxId, signal: AbortSignal): Promise<void> {
    return this.#sandboxes.resumeSandbox(id, signal);
  }

  async destroySandbox(id: SandboxId, end: EndRequest, signal: AbortSignal): Promise<void> {
    return this.#sandboxes.destroySandbox(id, end, signal);
  }

  files(id: SandboxId): Files {
    return this.#sandboxes.files(id);
  }

  lostSandboxes(signal: AbortSignal): AsyncIterable<readonly SandboxId[]> {
    return this.#sandboxes.lostSandboxes(signal);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    // Steps end with their sandboxes; jobs end with the plane, which waits for them.
    await this.#sandboxes[Symbol.asyncDispose]();
    await this.#executions[Symbol.asyncDispose]();
    await this.plane[Symbol.asyncDispose]();
  }
}
