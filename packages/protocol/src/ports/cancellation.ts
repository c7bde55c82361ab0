import type { CancelReason } from '../states/execution-state.ts';

/** The reason of an `AbortSignal` that ends an execution from outside. */
export class Cancellation extends Error {
  override readonly name = 'Cancellation';
  readonly reason: CancelReason;

  constructor(reason: CancelReason) {
    super(`the execution was ended: ${reason}`);
    this.reason = reason;
  }
}

/** Why `signal` was aborted; any other reason than a `Cancellation` counts as a cancel by the caller. */
export function cancelReason(signal: AbortSignal): CancelReason {
  return signal.reason instanceof Cancellation ? signal.reason.reason : 'cancelled';
}
