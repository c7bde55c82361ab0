import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { newExecutionId, newSessionId, type Language } from '@caisson/protocol/api';
import {
  errorOf,
  exitCodeOf,
  jsonTextOf,
  returnValueOf,
  type CodeError,
  type EventSink,
  type JsonText,
  type OutputEvent,
  type StepFacts,
  type StepOutcome,
  type StepRequest,
} from '@caisson/protocol/ports';
import { hostLayout } from '../kernels/sandbox-files.ts';
import { LocalSpawner } from './local-spawner.testing.ts';
import { SessionEngine } from './session-engine.ts';
import type { Usage, UsageMeter } from './ports/usage-meter.ts';

export class FakeMeter implements UsageMeter {
  outOfMemory = false;
  exceedMemory: () => void = () => undefined;

  begin(onMemoryExceeded: () => void): { end(): Usage } {
    this.exceedMemory = onMemoryExceeded;
    return {
      end: () => ({ cpuMs: 1, peakMemoryBytes: 2, outOfMemory: this.outOfMemory, outOfProcesses: false }),
    };
  }
}

export interface Ran {
  /** The same members whatever came of the step; `returnValue` is parsed, and `undefined` where there is none. */
  readonly outcome: StepFacts &
    Pick<StepOutcome, 'status' | 'reason'> & {
      readonly exitCode: number | null;
      readonly error: CodeError | null;
      readonly returnValue: unknown;
    };
  readonly events: readonly { readonly type: OutputEvent['type'] }[];
  readonly stdout: string;
  readonly stderr: string;
}

/** An engine over processes of this host, in a directory of its own. */
export class TestSession implements AsyncDisposable {
  readonly workspace = mkdtempSync(join(tmpdir(), 'engine-'));
  readonly spawner = new LocalSpawner();
  readonly meter = new FakeMeter();
  readonly engine: SessionEngine;
  readonly #language: Language;

  constructor(language: Language, memoryLimitBytes = 512 * 2 ** 20) {
    this.#language = language;
    this.engine = new SessionEngine({
      spawner: this.spawner,
      meter: this.meter,
      layout: hostLayout(),
      workspaceDirectory: this.workspace,
      memoryLimitBytes,
    });
  }

  async run(code: string, options: Partial<StepRequest> = {}, hooks: Hooks = {}): Promise<Ran> {
    const events: OutputEvent[] = [];
    const sink: EventSink = (event) => {
      events.push(event);
      return hooks.sink?.(event);
    };
    const outcome = await this.engine.run(
      { ...this.#defaults(), code, ...options },
      sink,
      hooks.signal ?? new AbortController().signal,
    );
    const text = (type: 'stdout' | 'stderr'): string =>
      events.map((event) => (event.type === type ? event.text : '')).join('');
    return {
      outcome: {
        ...outcome,
        exitCode: exitCodeOf(outcome),
        error: errorOf(outcome),
        returnValue: valueOf(returnValueOf(outcome)),
      },
      events: events.map((event) =>
        event.type === 'result' ? { type: event.type, bundle: valueOf(event.bundle) } : event,
      ),
      stdout: text('stdout'),
      stderr: text('stderr'),
    };
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.engine[Symbol.asyncDispose]();
    rmSync(this.workspace, { recursive: true });
  }

  #defaults(): Omit<StepRequest, 'code'> {
    return {
      executionId: newExecutionId(),
      sessionId: newSessionId(),
      language: this.#language,
      timeoutMs: 10_000,
      env: {},
      stdin: null,
      event: jsonTextOf({ name: 'Ada "\\ é' }),
      outputLimitBytes: 1024 * 1024,
    };
  }
}

function valueOf(text: JsonText | null): unknown {
  return text === null ? undefined : (JSON.parse(text) as unknown);
}

interface Hooks {
  readonly sink?: EventSink;
  readonly signal?: AbortSignal;
}
