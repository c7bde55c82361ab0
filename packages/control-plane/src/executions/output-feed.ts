import type { EventSink, ExecutionEvent, OutputEvent } from '@caisson/protocol';
import { eventOf } from '../views/execution-view.ts';

/** How far, in characters, a follower that holds back may fall behind before the process is held back. */
const MAX_LAG = 256 * 1024;
/** From this many events on, small pieces of text are joined, so that a byte at a time cannot fill the memory. */
const JOIN_AFTER_EVENTS = 1000;
const JOINED_CHARACTERS = 4096;
const JOIN_MS = 100;
/** Rich results are kept up to this many times the limit of one stream. */
const RESULT_LIMITS = 4;

type TextEvent = Extract<OutputEvent, { type: 'stdout' | 'stderr' }>;

/** An event as its readers get it: the last one has the whole result, which may be too long to hold for each of them. */
export type FollowedEvent = ExecutionEvent | LongFinishedEvent;

/** `pieces` begins to make the JSON text of the result anew. */
export interface LongFinishedEvent {
  readonly type: 'finished';
  readonly pieces: () => AsyncIterable<string>;
}

/** The last event of each. */
export type FinishedEvent = Extract<FollowedEvent, { type: 'finished' }>;

export interface FeedEvent {
  /** Counts from 1. */
  readonly id: number;
  readonly event: FollowedEvent;
}

/** Reads a feed from a place of its own. */
export interface Follower extends Disposable {
  /** The next event, as soon as there is one; `undefined` after the last, and once disposed of. */
  next(): Promise<FeedEvent | undefined>;
}

/** The events of one execution while it lives: kept in their order, told to any number of followers. */
export class OutputFeed {
  readonly events: FollowedEvent[] = [];
  readonly output: OutputEvent[] = [];
  #resultsTruncated = false;
  readonly #resultLimit: number;
  readonly #followers = new Set<FeedFollower>();
  #characters = 0;
  #resultCharacters = 0;
  #joined: TextEvent | undefined;
  #joinTimer: NodeJS.Timeout | undefined;
  #room: PromiseWithResolvers<void> | undefined;
  #settled = false;
  #closed = false;

  constructor(outputLimitBytes: number) {
    this.#resultLimit = RESULT_LIMITS * outputLimitBytes;
  }

  get closed(): boolean {
    return this.#closed;
  }

  get characters(): number {
    return this.#characters;
  }

  /** Of all that was written and displayed. */
  get outputCharacters(): number {
    return this.#characters + this.#resultCharacters;
  }

  /** Whether rich results were dropped because there were too many of them. */
  get resultsTruncated(): boolean {
    return this.#resultsTruncated;
  }

  /** What the data plane writes to; waits while a follower that holds back is too far behind. */
  readonly sink: EventSink = (event) => {
    if (this.#settled) return undefined;
    if (event.type === 'stdout' || event.type === 'stderr') this.#appendText(event);
    else if (event.type === 'result') this.#appendResult(event);
    else this.#appendOutput(event);
    if (!this.#isFull()) return undefined;
    this.#room ??= Promise.withResolvers();
    return this.#room.promise;
  };

  push(event: FollowedEvent): void {
    this.#flush();
    this.#tell(event);
  }

  /** Nothing more of the code is taken. */
  settle(): void {
    this.#flush();
    this.#settled = true;
    this.#makeRoom();
  }

  /** No more events come. */
  close(): void {
    this.settle();
    this.#closed = true;
    for (const follower of this.#followers) follower.wake();
    this.#makeRoom();
  }

  /** A reader of all events after the one with the id `after`. Only one that `holdsBack` slows the process down. */
  follow(after: number, holdsBack: boolean): Follower {
    const follower = new FeedFollower(this, after, holdsBack, () => {
      this.#followers.delete(follower);
      this.#makeRoom();
    });
    this.#followers.add(follower);
    return follower;
  }

  /** Called when a follower has moved on. */
  moved(): void {
    this.#makeRoom();
  }

  #appendText(event: TextEvent): void {
    if (this.output.length < JOIN_AFTER_EVENTS) {
      this.#appendOutput(event);
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
    this.#appendOutput(event);
  }

  #appendOutput(event: OutputEvent): void {
    this.#flush();
    this.output.push(event);
    this.#tell(eventOf(event));
  }

  #flush(): void {
    if (this.#joinTimer !== undefined) clearTimeout(this.#joinTimer);
    this.#joinTimer = undefined;
    const joined = this.#joined;
    if (joined === undefined) return;
    this.#joined = undefined;
    this.output.push(joined);
    this.#tell(joined);
  }

  #tell(event: FollowedEvent): void {
    if ('text' in event) this.#characters += event.text.length;
    this.events.push(event);
    for (const follower of this.#followers) follower.wake();
  }

  #isFull(): boolean {
    for (const follower of this.#followers) if (follower.lag > MAX_LAG) return true;
    return false;
  }

  #makeRoom(): void {
    if (this.#room === undefined || (!this.#settled && this.#isFull())) return;
    this.#room.resolve();
    this.#room = undefined;
  }
}

class FeedFollower implements Follower {
  readonly #feed: OutputFeed;
  readonly #holdsBack: boolean;
  readonly #onDispose: () => void;
  #index: number;
  #taken: number;
  #disposed = false;
  #waiting: PromiseWithResolvers<void> | undefined;

  constructor(feed: OutputFeed, after: number, holdsBack: boolean, onDispose: () => void) {
    this.#feed = feed;
    this.#holdsBack = holdsBack;
    this.#onDispose = onDispose;
    this.#index = after;
    this.#taken = feed.characters;
    for (const event of feed.events.slice(after)) if ('text' in event) this.#taken -= event.text.length;
  }

  /** Characters that it has not taken, if it holds back. */
  get lag(): number {
    return this.#holdsBack ? this.#feed.characters - this.#taken : 0;
  }

  async next(): Promise<FeedEvent | undefined> {
    for (;;) {
      if (this.#disposed) return undefined;
      const event = this.#feed.events[this.#index];
      if (event !== undefined) {
        this.#index += 1;
        if ('text' in event) this.#taken += event.text.length;
        this.#feed.moved();
        return { id: this.#index, event };
      }
      if (this.#feed.closed) return undefined;
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
}
