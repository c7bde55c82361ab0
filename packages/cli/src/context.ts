import type { Readable, Writable } from 'node:stream';
import type { Planes } from './planes.ts';

/** What a command has to do with the world; the composition root makes it. */
export interface Context {
  readonly planes: Planes;
  readonly stdin: Readable;
  readonly stdout: Writable;
  readonly stderr: Writable;
  readonly settings: Settings;
  /** Calls `onInterrupt` for each SIGINT, SIGTERM or SIGHUP, until it is disposed of. */
  watchInterrupts(onInterrupt: (signal: InterruptSignal) => void): Disposable;
  /** Ends the process at once. */
  exit(code: number): never;
}

export type InterruptSignal = 'SIGINT' | 'SIGTERM' | 'SIGHUP';

/** What the environment says. */
export interface Settings {
  /** CAISSON_URL */
  readonly url: string | undefined;
  /** CAISSON_API_KEY */
  readonly apiKey: string | undefined;
  /** Where a server keeps its data if it is not told: below XDG_DATA_HOME. */
  readonly defaultDataDir: string;
}
