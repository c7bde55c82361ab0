import type { RuntimeName } from '@caisson/protocol/api';
import type { RuntimeHealth } from '@caisson/protocol/ports';

export interface ServerOptions {
  /** 0 takes a free one. */
  readonly port: number;
  readonly host: string;
  readonly dataDir: string;
  readonly runtime: RuntimeName | 'auto';
  readonly logLevel: 'info' | 'fatal';
  /** Whether sandboxes are made ahead for calls to come; a server for one call has none to come. */
  readonly warmPool: boolean;
}

export interface RunningServer {
  readonly url: string;
  /** Path of the file that the admin key was written to: on the very first start with this data directory only. */
  readonly newKeyFile: string | undefined;
  /** Resolves with the reason when it can neither go on nor be mended: its sandboxes are dead, and it is to be closed. */
  readonly failed: Promise<Error>;
  /** Stops gracefully and leaves nothing behind; can be called twice. */
  close(): Promise<void>;
}

/** What the composition root makes of the other planes, which are loaded only when they are asked for. */
export interface Planes {
  /** @throws CliFailure where this host cannot make sandboxes, or the port is taken */
  startServer(options: ServerOptions): Promise<RunningServer>;
  probeRuntimes(signal: AbortSignal): Promise<RuntimeHealth[]>;
}
