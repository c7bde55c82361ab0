import type {
  ExecutionOutcome,
  ExecutionRequest,
  OutputEvent,
  Placement,
  StepOutcome,
} from '@caisson/protocol/ports';
import { Cancellation } from '@caisson/protocol/ports';
import type { EndRequest, OutputBatch } from '@caisson/protocol/ports';
import { OutputLog } from './output-log.ts';
import { SpillFile } from './spill-file.ts';

/** How an execution ended, and when by the clock of its node. */
export interface ExecutionEnd {
  readonly outcome: StepOutcome;
  readonly placement: Placement | null;
  readonly endedMs: number;
}

interface Spilled {
  readonly end: ExecutionEnd;
  readonly events: readonly OutputEvent[];
}

/** An execution on its node, kept until it has ended and is acknowledged. */
export class NodeExecution implements AsyncDisposable {
  readonly request: ExecutionRequest;
  readonly controller = new AbortController();
  /** Resolves when it has ended; never rejects. */
  readonly ended: Promise<unknown>;
  /** `undefined` while it runs. */
  endedMs: number | undefined;
  #end: ExecutionEnd | undefined;
  #endedBy: string | null = null;
  #log: OutputLog | undefined;
  #spilled: SpillFile<Spilled> | undefined;
  #spilling = false;
  #disposed = false;
  readonly #resolveEnded: (ended: true) => void;

  constructor(request: ExecutionRequest) {
    this.request = request;
    this.#log = new OutputLog(request.step.outputLimitBytes, request.streamed);
    const { promise, resolve } = Promise.withResolvers<true>();
    this.ended = promise;
    this.#resolveEnded = resolve;
  }

  /** Takes the output. */
  get sink(): OutputLog['sink'] {
    if (this.#log === undefined) throw new TypeError('the execution has ended');
    return this.#log.sink;
  }

  /** Approximate memory of its output and return value, in bytes. */
  get heldBytes(): number {
    const returned = this.#end?.outcome.status === 'succeeded' ? this.#end.outcome.returnValue : null;
    return (this.#log?.size ?? 0) + (returned?.length ?? 0);
  }

  get spilledBytes(): number {
    return this.#spilled?.sizeBytes ?? 0;
  }

  /** Starts to end it; only the first reason counts. */
  cancel({ reason, by }: EndRequest): void {
    if (this.endedMs !== undefined || this.controller.signal.aborted) return;
    this.#endedBy = by;
    this.controller.abort(new Cancellation(reason));
  }

  /** Records its end; no output follows. */
  finish(outcome: StepOutcome, placement: Placement | null, endedMs: number): void {
    const log = this.#log;
    if (log === undefined || this.endedMs !== undefined)
      throw new TypeError('the execution has ended already');
    const complete = log.resultsTruncated ? { ...outcome, truncated: true } : outcome;
    this.#end = { outcome: complete, placement, endedMs };
    this.endedMs = endedMs;
    log.close();
    this.#resolveEnded(true);
  }

  /** Waits for its end. */
  async outcome(nowMs: () => number): Promise<ExecutionOutcome> {
    await this.ended;
    const { outcome, placement, endedMs } = this.#end ?? (await this.#readSpilled()).end;
    return { outcome, placement, endedBy: this.#endedBy, endedMsAgo: Math.max(nowMs() - endedMs, 0) };
  }

  /** The output so far after the first `after` events. */
  async output(after: number): Promise<OutputBatch> {
    const events = this.#log?.events ?? (await this.#readSpilled()).events;
    return { first: after + 1, events: events.slice(after) };
  }

  async *follow(after: number, holdsBack: boolean, signal: AbortSignal): AsyncGenerator<OutputBatch> {
    if (this.#log === undefined) {
      const batch = await this.output(after);
      if (batch.events.length > 0) yield batch;
      return;
    }
    using reader = this.#log.read(after, holdsBack);
    const stop = () => {
      reader[Symbol.dispose]();
    };
    signal.addEventListener('abort', stop, { once: true });
    try {
      for (;;) {
        signal.throwIfAborted();
        const batch = await reader.next();
        signal.throwIfAborted();
        if (batch === undefined) return;
        yield batch;
      }
    } finally {
      signal.removeEventListener('abort', stop);
    }
  }

  /** Moves its output and outcome to disk, once it has ended. Current readers are not interrupted. */
  async spill(directory: string): Promise<void> {
    const [end, log] = [this.#end, this.#log];
    if (end === undefined || log === undefined || this.#spilling) return;
    this.#spilling = true;
    try {
      const spilled = await SpillFile.write(directory, { end, events: log.events });
      if (this.#disposed) {
        await spilled[Symbol.asyncDispose]();
        return;
      }
      this.#spilled = spilled;
      this.#end = undefined;
      this.#log = undefined;
    } finally {
      this.#spilling = false;
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#disposed = true;
    await this.#spilled?.[Symbol.asyncDispose]();
  }

  async #readSpilled(): Promise<Spilled> {
    if (this.#spilled === undefined) throw new TypeError('the execution is neither in memory nor on disk');
    return this.#spilled.read();
  }
}
