import type { EventSink, OutputBatch, OutputEvent } from '@caisson/protocol/ports';

/** How far, in characters, a reader that holds back may fall behind before the process is held back. */
const MAX_LAG = 256 * 1024;
/** How long the process is held back for an announced reader that does not connect. */
const EXPECTED_MS = 10_000;
/** After this many events, small pieces of text are joined, so that single bytes cannot fill the memory. */
const JOIN_AFTER_EVENTS = 1000;
const JOINED_CHARACTERS = 4096;
const JOIN_MS = 100;
/** Limit for rich results, as a multiple of the limit of one stream. */
const RESULT_LIMITS = 4;
/** Bounds of one batch. */
const BATCH_EVENTS = 1000;
const BATCH_CHARACTERS = 256 * 1024;

type TextEvent = Extract<OutputEvent, { type: 'stdout' | 'stderr' }>;

/** Output of one execution, in order, for any number of readers, live and afterwards. */
export class OutputLog {
  readonly #events: OutputEvent[] = [];
  readonly #resultLimit: number;
  readonly #readers = new Set<OutputReader>();
  #resultsTruncated = false;
  #characters = 0;
  #resultCharacters = 0;
  #joined: TextEvent | undefined;
  #joinTimer: NodeJS.Timeout | undefined;
  #room: PromiseWithResolvers<void> | undefined;
  #closed = false;
  #stopExpecting: (() => void) | undefined;

  /** @param expectsReader whether a reader that holds back will follow: until then the process is held back for it */
  constructor(outputLimitBytes: number, expectsReader = false) {
    this.#resultLimit = RESULT_LIMITS * outputLimitBytes;
    if (expectsReader) this.#expectReader();
  }

  get events(): readonly OutputEvent[] {
    return this.#events;
  }

  get closed(): boolean {
    return this.#closed;
  }

  /** Length of the text so far. */
  get characters(): number {
    return this.#characters;
  }

  /** Length of all text and rich results so far. */
  get size(): number {
    return this.#characters + this.#resultCharacters;
  }

  /** Whether rich results were dropped at their limit. */
  get resultsTruncated(): boolean {
    return this.#resultsTruncated;
  }

  /** Takes the events of the sandbox; waits while a reader that holds back is too far behind. */
  readonly sink: EventSink = (event) => {
    if (this.#closed) return undefined;
    if (event.type === 'stdout' || event.type === 'stderr') this.#appendText(event);
    else if (event.type === 'result') this.#appendResult(event);
    else this.#append(event);
    if (!this.#isFull()) return undefined;
    this.#room ??= Promise.withResolvers();
    return this.#room.promise;
  };

  /** Ends the output. */
  close(): void {
    this.#flush();
    this.#closed = true;
    this.#stopExpecting?.();
    for (const reader of this.#readers) reader.wake();
    this.#makeRoom();
  }

  /** Reads all events after the first `after`. Only a reader that `holdsBack` slows the process down. */
  read(after: number, holdsBack: boolean): OutputReader {
    const reader = new OutputReader(this, after, holdsBack, () => {
      this.#readers.delete(reader);
      this.#makeRoom();
    });
    this.#readers.add(reader);
    if (holdsBack) this.#stopExpecting?.();
    return reader;
  }

  /** Called when a reader has taken events. */
  noteRead(): void {
    this.#makeRoom();
  }

  #expectReader(): void {
    const expected = this.read(0, true);
    const timer = setTimeout(() => this.#stopExpecting?.(), EXPECTED_MS).unref();
    this.#stopExpecting = () => {
      this.#stopExpecting = undefined;
      clearTimeout(timer);
      expected[Symbol.dispose]();
    };
  }

  #appendText(event: TextEvent): void {
    if (this.#events.length < JOIN_AFTER_EVENTS) {
      this.#append(event);
      return;
    }
    if (this.#joined?.type !== event.type) this.#flush();
    const joined = { type: event.type, text: (this.#joined?.text ?? '') + event.text };
    this.#joined = joined;
    if (joined.text.length >= JOINED_CHARACTERS) this.#flush();
    else {
      this.#joinTimer ??= setTimeout(() => {
        this.#flush();
      }, JOIN_MS).unref();
    }
  }

  #appendResult(event: Extract<OutputEvent, { type: 'result' }>): void {
    const size = event.bundle.length;
    if (this.#resultCharacters + size > this.#resultLimit) {
      this.#resultsTruncated = true;
      return;
    }
    this.#resultCharacters += size;
    this.#append(event);
  }

  #append(event: OutputEvent): void {
    this.#flush();
    this.#push(event);
  }

  #flush(): void {
    if (this.#joinTimer !== undefined) clearTimeout(this.#joinTimer);
    this.#joinTimer = undefined;
    const joined = this.#joined;
    if (joined === undefined) return;
    this.#joined = undefined;
    this.#push(joined);
  }

  #push(event: OutputEvent): void {
    this.#characters += textLength(event);
    this.#events.push(event);
    for (const reader of this.#readers) reader.wake();
  }

  #isFull(): boolean {
    for (const reader of this.#readers) if (reader.lag > MAX_LAG) return true;
    return false;
  }

  #makeRoom(): void {
    if (this.#room === undefined || (!this.#closed && this.#isFull())) return;
    this.#room.resolve();
    this.#room = undefined;
  }
}

/** Reads a log from its own position. */
export class OutputReader implements Disposable {
  readonly #log: OutputLog;
  readonly #holdsBack: boolean;
  readonly #onDispose: () => void;
  #index: number;
  #taken: number;
  #disposed = false;
  #waiting: PromiseWithResolvers<void> | undefined;

  constructor(log: OutputLog, after: number, holdsBack: boolean, onDispose: () => void) {
    this.#log = log;
    this.#holdsBack = holdsBack;
    this.#onDispose = onDispose;
    this.#index = after;
    this.#taken = log.characters;
    for (const event of log.events.slice(after)) this.#taken -= textLength(event);
  }

  /** Characters not yet taken; 0 for a reader that does not hold back. */
  get lag(): number {
    return this.#holdsBack ? this.#log.characters - this.#taken : 0;
  }

  /** The next events, as soon as there are any; `undefined` after the last, and once disposed. */
  async next(): Promise<OutputBatch | undefined> {
    for (;;) {
      if (this.#disposed) return undefined;
      const batch = this.#take();
      if (batch !== undefined) return batch;
      if (this.#log.closed) return undefined;
      this.#waiting ??= Promise.withResolvers();
      await this.#waiting.promise;
    }
  }

  wake(): void {
    this.#waiting?.resolve();
    this.#waiting = undefined;
  }

  [Symbol.dispose](): void {
    this.#disposed = true;
    this.wake();
    this.#onDispose();
  }

  #take(): OutputBatch | undefined {
    const { events } = this.#log;
    const first = this.#index;
    let characters = 0;
    while (this.#index - first < BATCH_EVENTS && characters < BATCH_CHARACTERS) {
      const event = events[this.#index];
      if (event === undefined) break;
      this.#index += 1;
      characters += event.type === 'result' ? event.bundle.length : textLength(event);
      this.#taken += textLength(event);
    }
    if (this.#index <= first) return undefined;
    this.#log.noteRead();
    return { first: first + 1, events: events.slice(first, this.#index) };
  }
}

function textLength(event: OutputEvent): number {
  return event.type === 'stdout' || event.type === 'stderr' ? event.text.length : 0;
}
