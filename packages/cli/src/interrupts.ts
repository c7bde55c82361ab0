import type { Context, InterruptSignal } from './context.ts';
import { exitCodeOfSignal } from './exit-code.ts';

export interface Interrupts extends Disposable {
  /** Aborted by the first interrupt. */
  readonly signal: AbortSignal;
  /** The first interrupt. */
  readonly received: InterruptSignal | undefined;
}

/** A second interrupt this soon is an echo of the first: `make` forwards one that its whole process group got already. */
const ECHO_MS = 500;

/**
 * The first interrupt asks for a graceful end, a later one ends the process at once.
 * @param nowMs a monotonic clock
 */
export function watchForInterrupts(
  context: Pick<Context, 'watchInterrupts' | 'exit'>,
  nowMs = () => performance.now(),
): Interrupts {
  const abort = new AbortController();
  let received: InterruptSignal | undefined;
  let receivedMs = 0;
  const watch = context.watchInterrupts((signal) => {
    if (received === undefined) {
      received = signal;
      receivedMs = nowMs();
      abort.abort();
    } else if (nowMs() - receivedMs > ECHO_MS) {
      context.exit(exitCodeOfSignal(signal));
    }
  });
  return {
    signal: abort.signal,
    get received() {
      return received;
    },
    [Symbol.dispose]: () => {
      watch[Symbol.dispose]();
    },
  };
}
