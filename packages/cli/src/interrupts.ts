import type { Context, InterruptSignal } from './context.ts';
import { exitCodeOfSignal } from './exit-code.ts';

export interface Interrupts extends Disposable {
  /** Aborted by the first interrupt. */
  readonly signal: AbortSignal;
  /** Which it was. */
  readonly received: InterruptSignal | undefined;
}

/** The first interrupt asks for an orderly end, the second ends the process at once. */
export function watchForInterrupts(context: Pick<Context, 'watchInterrupts' | 'exit'>): Interrupts {
  const abort = new AbortController();
  let received: InterruptSignal | undefined;
  const watch = context.watchInterrupts((signal) => {
    if (received !== undefined) context.exit(exitCodeOfSignal(signal));
    received = signal;
    abort.abort();
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
