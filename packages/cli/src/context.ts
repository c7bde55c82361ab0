import type { Readable, Writable } from 'node:stream';
import type { Planes } from './planes.ts';

/** Everything outside the process that a command uses; made by the composition root. */
export interface Context {
  readonly planes: Planes;
  readonly stdin: Readable;
  readonly stdout: Writable;
  readonly stderr: Writable;
  readonly settings: Settings;
  /** Calls `onInterrupt` for each SIGINT, SIGTERM or SIGHUP, until the result is disposed. */
  watchInterrupts(onInterrupt: (signal: InterruptSignal) => void): Disposable;
  /** Exits immediately. */
  exit(code: number): never;
}

export type InterruptSignal = 'SIGINT' | 'SIGTERM' | 'SIGHUP';

/** Settings from the environment. */
export interface Settings {
  /** CAISSON_URL */
  readonly url: string | undefined;
  /** CAISSON_API_KEY */
  readonly apiKey: string | undefined;
  /** Default data directory of a server: below XDG_DATA_HOME. */
  readonly defaultDataDir: string;
}
