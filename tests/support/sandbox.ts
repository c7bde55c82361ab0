import { mkdtempSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { createDataPlane } from '@caisson/data-plane';
import type {
  HostLoad,
  LentSandbox,
  NodeOptionsInput,
  RuntimeChoice,
  SandboxPlane,
} from '@caisson/data-plane';
import { newExecutionId, newSandboxId, newSessionId, newTenantId } from '@caisson/protocol/api';
import { errorOf, exitCodeOf, jsonTextOf, returnValueOf } from '@caisson/protocol/ports';
import type {
  CodeError,
  JsonText,
  OutputEvent,
  Placement,
  SandboxRequest,
  StepFacts,
  StepOutcome,
  StepRequest,
} from '@caisson/protocol/ports';
import { pino } from 'pino';
import type { Logger } from 'pino';
import { patience } from './patience.ts';

const MIB = 2 ** 20;

type Node = Awaited<ReturnType<typeof createDataPlane>>;

export interface StartedNode {
  readonly node: Node;
  /** Creates its sandboxes. */
  readonly dataPlane: Node['plane'];
  readonly stateDirectory: string;
}

/**
 * A data plane on this host with its own state directory. Disposing ends it and removes the directory.
 * @param options how it sees the host, how much of it it may take, and its logger, if relevant to the test
 */
export async function startDataPlane(
  runtime: RuntimeChoice = 'auto',
  options: NodeOptionsInput & { readonly readLoad?: () => HostLoad; readonly logger?: Logger } = {},
): Promise<AsyncDisposable & StartedNode> {
  const stateDirectory = mkdtempSync(join('/run', 'caisson-test-'));
  const logger = pino({ level: 'silent' });
  const node = await createDataPlane({ stateDirectory, runtime, logger, ...options });
  return {
    node,
    dataPlane: node.plane,
    stateDirectory,
    [Symbol.asyncDispose]: async () => {
      await node[Symbol.asyncDispose]();
      rmSync(stateDirectory, { recursive: true });
    },
  };
}

/** A request for a small sandbox; `overrides` set what matters to the test. */
export function sandboxRequest(overrides: Partial<SandboxRequest> = {}): SandboxRequest {
  return {
    id: newSandboxId(),
    tenantId: newTenantId(),
    templateId: 'python',
    isolation: 'container',
    resources: { cpuMillicores: 1000, memoryBytes: 128 * MIB, diskBytes: 32 * MIB, pids: 64 },
    env: {},
    isolationScope: 'auto',
    quota: { kind: 'session', limit: 100 },
    ...overrides,
  };
}

/** The same fields for every outcome; `returnValue` is parsed, and `undefined` if there is none. */
export interface Ran extends StepFacts, Pick<StepOutcome, 'status' | 'reason'> {
  readonly exitCode: number | null;
  readonly error: CodeError | null;
  readonly returnValue: unknown;
  readonly stdout: string;
  readonly stderr: string;
  readonly results: readonly unknown[];
  readonly events: readonly OutputEvent[];
}

export type StepOverrides = Partial<StepRequest>;

/** A step request with sensible values; `overrides` set what matters to the test. */
export function stepRequest(code: string, overrides: StepOverrides = {}): StepRequest {
  return {
    executionId: newExecutionId(),
    sessionId: newSessionId(),
    language: 'python',
    code,
    timeoutMs: patience(20_000),
    env: {},
    stdin: null,
    event: jsonTextOf({}),
    outputLimitBytes: MIB,
    ...overrides,
  };
}

/** Runs one step to its end and collects its output and outcome. */
export async function runStep(
  sandbox: LentSandbox,
  code: string,
  overrides: StepOverrides = {},
): Promise<Ran> {
  const events: OutputEvent[] = [];
  const outcome = await sandbox.agent.steps.run(
    stepRequest(code, overrides),
    (event) => {
      events.push(event);
      return undefined;
    },
    AbortSignal.timeout(patience(170_000)),
  );
  return gather(outcome, events);
}

/** Output and outcome of a job, and where it actually ran. */
export interface RanJob extends Ran {
  readonly placement: Placement;
}

/** Runs one job to its end and collects its output and outcome. */
export async function runJob(
  dataPlane: Pick<SandboxPlane, 'runJob'>,
  code: string,
  overrides: StepOverrides & { request?: SandboxRequest; signal?: AbortSignal } = {},
  onEvent: (event: OutputEvent) => void = () => undefined,
): Promise<RanJob> {
  const { request = sandboxRequest(), signal = AbortSignal.timeout(patience(170_000)), ...step } = overrides;
  const events: OutputEvent[] = [];
  const { outcome, placement } = await dataPlane.runJob(
    request,
    stepRequest(code, { sessionId: null, ...step }),
    (event) => {
      events.push(event);
      onEvent(event);
      return undefined;
    },
    signal,
  );
  return { ...gather(outcome, events), placement };
}

function gather(outcome: StepOutcome, events: readonly OutputEvent[]): Ran {
  const text = (type: 'stdout' | 'stderr') =>
    events.map((event) => (event.type === type ? event.text : '')).join('');
  const results = events.flatMap((event) => (event.type === 'result' ? [valueOf(event.bundle)] : []));
  return {
    ...outcome,
    exitCode: exitCodeOf(outcome),
    error: errorOf(outcome),
    returnValue: valueOf(returnValueOf(outcome)),
    stdout: text('stdout'),
    stderr: text('stderr'),
    results,
    events,
  };
}

function valueOf(text: JsonText | null): unknown {
  return text === null ? undefined : (JSON.parse(text) as unknown);
}

/** Runs one step that must succeed and returns its standard output. */
export async function outputOf(
  sandbox: LentSandbox,
  code: string,
  overrides: StepOverrides = {},
): Promise<string> {
  const ran = await runStep(sandbox, code, overrides);
  if (ran.status !== 'succeeded') {
    throw new Error(
      `the step ended as ${ran.status} (${ran.reason}): ${ran.stderr}${ran.error?.traceback.join('')}`,
    );
  }
  return ran.stdout;
}
