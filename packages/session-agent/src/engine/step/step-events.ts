import type { EventSink, OutputEvent } from '@caisson/protocol/ports';

/** The caller's sink during one step: counts pending events, reports errors, and emits nothing after the end. */
export class StepEvents {
  pending = 0;
  #open = true;
  readonly #sink: EventSink;
  readonly #onFailure: (error: Error) => void;

  constructor(sink: EventSink, onFailure: (error: Error) => void) {
    this.#sink = sink;
    this.#onFailure = onFailure;
  }

  /** Never throws; what it returns never rejects. */
  readonly emit = (event: OutputEvent): Promise<void> | undefined => {
    if (!this.#open) return undefined;
    try {
      const pending = this.#sink(event);
      return pending === undefined ? undefined : this.#await(pending);
    } catch (error) {
      this.#fail(error);
      return undefined;
    }
  };

  close(): void {
    this.#open = false;
  }

  async #await(pending: Promise<void>): Promise<void> {
    this.pending += 1;
    try {
      await pending;
    } catch (error) {
      this.#fail(error);
    } finally {
      this.pending -= 1;
    }
  }

  #fail(error: unknown): void {
    this.close();
    this.#onFailure(error instanceof Error ? error : new Error('the event sink failed', { cause: error }));
  }
}
