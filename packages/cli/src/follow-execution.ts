import type { ExecutionEvent, ExecutionId, ExecutionResult } from '@caisson/protocol/api';
import type { ExecutionStream } from '@caisson/sdk';
import type { Context } from './context.ts';
import { exitCodeOf } from './exit-code.ts';
import { CliFailure } from './failure.ts';
import { isBrokenPipe, writeText } from './output.ts';
import { renderFailure } from './render/failure.ts';
import { renderEnding, renderReport } from './render/report.ts';

/** A shell's exit code for a program that SIGPIPE ended. */
const BROKEN_PIPE = 141;

export interface FollowOptions {
  /** Print only the complete result, as JSON. */
  readonly json: boolean;
  /** Print on stderr where the code ran and how long it took. */
  readonly verbose: boolean;
}

type Streams = Pick<Context, 'stdout' | 'stderr'>;

/**
 * Starts an execution, prints its output as it arrives, then its return value, and returns its exit code.
 * @param interrupt an abort cancels the execution; its end is still awaited
 */
export async function followExecution(
  streams: Streams,
  execution: {
    start(signal: AbortSignal): Promise<ExecutionStream>;
    cancel(id: ExecutionId): Promise<unknown>;
  },
  interrupt: AbortSignal,
  options: FollowOptions,
): Promise<number> {
  const startedMs = performance.now();
  const connection = new AbortController();
  using cleanup = new DisposableStack();
  cleanup.defer(() => {
    connection.abort();
  });
  // Not aborted by an interrupt: without its id the execution could not be cancelled.
  const stream = await execution.start(connection.signal);
  const cancel = () => {
    execution.cancel(stream.id).catch((error: unknown) => streams.stderr.write(renderFailure(error)));
  };
  if (interrupt.aborted) cancel();
  else interrupt.addEventListener('abort', cancel, { once: true, signal: connection.signal });
  try {
    const result = await printEvents(stream.events, streams, options);
    await printResult(result, streams, options, performance.now() - startedMs);
    return exitCodeOf(result);
  } catch (error) {
    if (!isBrokenPipe(error)) throw error;
    await execution.cancel(stream.id);
    return BROKEN_PIPE;
  }
}

async function printEvents(
  events: AsyncIterable<ExecutionEvent>,
  { stdout, stderr }: Streams,
  { json }: FollowOptions,
): Promise<ExecutionResult> {
  for await (const event of events) {
    if (event.type === 'finished') return event.execution;
    if (json) continue;
    if (event.type === 'stdout') await writeText(stdout, event.text);
    if (event.type === 'stderr') await writeText(stderr, event.text);
    if (event.type === 'truncated') {
      await writeText(stderr, `caisson: ${event.stream} exceeds its limit; the rest is dropped\n`);
    }
  }
  throw new CliFailure('the server ended the stream before the execution ended');
}

async function printResult(
  result: ExecutionResult,
  { stdout, stderr }: Streams,
  { json, verbose }: FollowOptions,
  totalMs: number,
): Promise<void> {
  if (json) {
    await writeText(stdout, `${JSON.stringify(result, null, 2)}\n`);
    return;
  }
  if (result.return_value !== null) await writeText(stdout, `${JSON.stringify(result.return_value)}\n`);
  const ending = renderEnding(result);
  if (ending !== undefined) await writeText(stderr, ending);
  if (verbose) await writeText(stderr, `\n${renderReport(result, totalMs)}`);
}
