import { mkdtempSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { createDataPlane } from '@caisson/data-plane';
import type { HostLoad, NodeOptionsInput, RuntimeChoice } from '@caisson/data-plane';
import { jsonTextOf, newExecutionId, newSandboxId, newSessionId, newTenantId } from '@caisson/protocol';
import type {
  DataPlane,
  LentSandbox,
  JsonText,
  OutputEvent,
  Placement,
  SandboxRequest,
  StepOutcome,
  StepRequest,
} from '@caisson/protocol';
import { pino } from 'pino';
import type { Logger } from 'pino';
import { patience } from './patience.ts';

const MIB = 2 ** 20;

type LocalDataPlane = Awaited<ReturnType<typeof createDataPlane>>;

/**
 * A data plane on this host with a state directory of its own; disposing ends it and removes the directory.
 * @param options how it sees the host and how much of it it may take, and where it logs to, where that matters to the test
 */
export async function startDataPlane(
  runtime: RuntimeChoice = 'auto',
  options: NodeOptionsInput & { readonly readLoad?: () => HostLoad; readonly logger?: Logger } = {},
): Promise<AsyncDisposable & { readonly dataPlane: LocalDataPlane; readonly stateDirectory: string }> {
  const stateDirectory = mkdtempSync(join('/run', 'caisson-test-'));
  const logger = pino({ level: 'silent' });
  const dataPlane = await createDataPlane({ stateDirectory, runtime, logger, ...options });
  return {
    dataPlane,
    stateDirectory,
    [Symbol.asyncDispose]: async () => {
      await dataPlane[Symbol.asyncDispose]();
      rmSync(stateDirectory, { recursive: true });
    },
  };
}

/** A request for a small sandbox; `overrides` say what matters to the test. */
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

export interface Ran extends Omit<StepOutcome, 'returnValue'> {
  readonly returnValue: unknown;
  readonly stdout: string;
  readonly stderr: string;
  readonly results: readonly unknown[];
  readonly events: readonly OutputEvent[];
}

export type StepOverrides = Partial<StepRequest>;

/** A step request with sensible values; `overrides` say what matters to the test. */
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

/** Runs one step to its end and gathers what came of it. */
export async function runStep(
  sandbox: LentSandbox,
  code: string,
  overrides: StepOverrides = {},
): Promise<Ran> {
  const events: OutputEvent[] = [];
  const outcome = await sandbox.agent.step(
    stepRequest(code, overrides),
    (event) => {
      events.push(event);
      return undefined;
    },
    AbortSignal.timeout(patience(170_000)),
  );
  return gather(outcome, events);
}

/** What came of a job, and where it really ran. */
export interface RanJob extends Ran {
  readonly placement: Placement;
}

/** Runs one job to its end and gathers what came of it. */
export async function runJob(
  dataPlane: DataPlane,
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
    returnValue: valueOf(outcome.returnValue),
    stdout: text('stdout'),
    stderr: text('stderr'),
    results,
    events,
  };
}

function valueOf(text: JsonText | undefined): unknown {
  return text === undefined ? undefined : (JSON.parse(text) as unknown);
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
