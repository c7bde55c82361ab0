import type { ExecutionId, Isolation } from '@caisson/protocol/api';
import type { RuntimeHealth } from '@caisson/protocol/ports';
import { newExecutionId, newSandboxId } from '@caisson/protocol/api';
import { jsonTextOf } from '@caisson/protocol/ports';
import type { RootDigest } from '../../templates/root-digest.ts';
import { NO_NETWORK } from '../runtime.ts';
import type { Runtime, Sandbox, SandboxSpec } from '../runtime.ts';
import { runCommand } from './host/command.ts';
import { findProgram } from './host/find-program.ts';
import type { OciHost } from './host/oci-host.ts';
import type { OciRuntimeName } from './oci-runtime-name.ts';
import { createOciSandbox } from './oci-sandbox.ts';

const MIB = 2 ** 20;
const VERSION_TIMEOUT_MS = 5_000;
const PROBE_TIMEOUT_MS = 15_000;

export type RuntimeProbe = Pick<RuntimeHealth, 'version' | 'available' | 'problems'>;

/** One adapter for all OCI runtimes: their command lines are the same as far as they are used here. */
export class OciRuntime implements Runtime {
  readonly name: OciRuntimeName;
  readonly isolation: Isolation = 'container';
  readonly #host: OciHost;

  constructor(name: OciRuntimeName, host: OciHost) {
    this.name = name;
    this.#host = host;
  }

  /** Makes a sandbox, runs a process in it and says what this host lacks, in words a person can act on. Never throws. */
  async probe(root: RootDigest, signal: AbortSignal): Promise<RuntimeProbe> {
    if (findProgram(this.name) === undefined) {
      return { version: null, available: false, problems: [`install the package ${this.name}`] };
    }
    const deadline = AbortSignal.any([signal, AbortSignal.timeout(PROBE_TIMEOUT_MS)]);
    let version: string | null = null;
    try {
      version = await this.#version(deadline);
      await this.#runOnce(root, deadline);
      return { version, available: true, problems: [] };
    } catch (error) {
      return { version, available: false, problems: [describe(error)] };
    }
  }

  async create(spec: SandboxSpec, signal: AbortSignal): Promise<Sandbox> {
    return createOciSandbox(this.name, this.#host, spec, signal);
  }

  async #version(signal: AbortSignal): Promise<string | null> {
    const text = await runCommand([this.name, '--version'], { timeoutMs: VERSION_TIMEOUT_MS, signal });
    return /version (\S+)/.exec(text)?.[1] ?? null;
  }

  async #runOnce(root: RootDigest, signal: AbortSignal): Promise<void> {
    await using sandbox = await this.create(
      {
        id: newSandboxId(),
        resources: { cpuMillicores: 1000, memoryBytes: 64 * MIB, diskBytes: 8 * MIB, pids: 16 },
        env: {},
        root,
        workspace: 'memory',
        network: NO_NETWORK,
      },
      signal,
    );
    let output = '';
    const { status, reason } = await sandbox.agent.steps.run(
      probeStep(newExecutionId()),
      (event) => {
        if (event.type === 'stdout' || event.type === 'stderr') output += event.text;
        return undefined;
      },
      signal,
    );
    if (status !== 'succeeded' || output !== 'works\n') {
      throw new Error(
        `a container ran, but a process in it ended as ${status} (${reason}): ${output.trim()}`,
      );
    }
  }
}

function probeStep(executionId: ExecutionId) {
  return {
    executionId,
    sessionId: null,
    language: 'shell',
    code: 'echo works',
    timeoutMs: PROBE_TIMEOUT_MS,
    env: {},
    stdin: null,
    event: jsonTextOf(null),
    outputLimitBytes: 4096,
  } as const;
}

/** An error in one line that a person can read. */
export function describe(error: unknown): string {
  const message = error instanceof Error ? error.message : String(error);
  return message.replaceAll(/\s+/g, ' ').slice(0, 500);
}
