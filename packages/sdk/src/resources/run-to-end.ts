import type { ExecutionId, ExecutionResult } from '@caisson/protocol/api';
import { ApiError } from '../api-error.ts';
import { startExecution } from '../events/execution-stream.ts';
import type { ApiRequest, CallOptions, Transport } from '../http/transport.ts';

/**
 * Starts an execution and resolves with its result. It follows the events, since these survive a lost connection and tell
 * a slow execution from a dead server. An abort of `options.signal` cancels the execution.
 */
export async function runToEnd(
  transport: Transport,
  request: ApiRequest,
  options: CallOptions | undefined,
  cancel: (id: ExecutionId) => Promise<unknown>,
): Promise<ExecutionResult> {
  const { signal, timeoutMs } = options ?? {};
  signal?.throwIfAborted();
  const connection = new AbortController();
  // Not aborted before the id is known: without it the execution could not be cancelled.
  const { id, events } = await startExecution(transport, request, { timeoutMs, signal: connection.signal });
  const stop = () => {
    connection.abort(signal?.reason);
  };
  if (signal?.aborted === true) stop();
  signal?.addEventListener('abort', stop, { once: true });
  try {
    for await (const event of events) {
      if (event.type === 'finished') return event.execution;
    }
  } catch (error) {
    // Not awaited: the caller wants to be back. Where it fails, the deadline of the code still ends the execution.
    if (connection.signal.aborted) cancel(id).catch(() => undefined);
    throw error;
  } finally {
    signal?.removeEventListener('abort', stop);
  }
  throw new ApiError('connection_lost', `the events ended early; the execution is ${id}`);
}
